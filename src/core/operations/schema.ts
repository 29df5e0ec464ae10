import { z } from 'zod';

import { DESCRIPTION_MAX } from '../../domain/secrets/limits.ts';
import { pathFault } from '../../domain/secrets/path.ts';
import { isSingleValue, type ValueInput } from '../../domain/secrets/value.ts';
import { FIRST_WORKSPACE, isName } from '../../domain/workspaces/names.ts';
import { StrongroomError } from '../../errors.ts';
import { SECRET_TYPES, type SecretType } from '../../formats/secret-type.ts';

const TAGS_MAX = 128;
const TIME_MAX = 8_640_000_000_000_000;

/** The name of a workspace; without one, the first. */
export const workspace: z.ZodType<string | undefined> = named('workspace').optional();

/** The name of an environment. */
export const environment: z.ZodType<string> = named('environment');

/** A secret's path. */
export const path: z.ZodType<string> = ruled(pathFault);

/** The members of an input that name one secret, to be spread into it. */
export const address: {
  readonly workspace: z.ZodType<string | undefined>;
  readonly environment: z.ZodType<string>;
  readonly path: z.ZodType<string>;
} = { workspace, environment, path };

/** Text, bytes, either as a `SecretValue`, or fields of these. */
export const value: z.ZodType<ValueInput> = z.custom<ValueInput>(isValueInput);

/** The type of a secret. */
export const secretType: z.ZodType<SecretType> = z.enum(
  SECRET_TYPES as readonly [SecretType, ...SecretType[]],
);

/** Tags of a secret. */
export const tags: z.ZodType<readonly string[]> = z
  .array(z.string().regex(/^[\p{L}\p{N}][\p{L}\p{N} ._:/@+-]{0,63}$/u))
  .max(TAGS_MAX);

/** A version to compare with: 0 means that there must be no secret. */
export const cas: z.ZodType<number> = z.int().min(0);

/** A moment, RFC 3339 with a time zone. */
export const time: z.ZodType<string> = z.iso.datetime({ offset: true });

/** Members that say something about a secret besides its value. */
export interface AttributesInput {
  readonly type?: SecretType | undefined;
  /** Up to 128, each 1 to 64 letters, digits, spaces and `._:/@+-`. */
  readonly tags?: readonly string[] | undefined;
  /** Up to 4,096 characters; kept encrypted. */
  readonly description?: string | undefined;
  /** RFC 3339, or `null` for never. An expired secret can still be read, and says so. */
  readonly expiresAt?: string | null | undefined;
}

/** The schema of {@link AttributesInput}, to be spread into an input's. */
export const attributes: {
  readonly [K in keyof AttributesInput]-?: z.ZodType<AttributesInput[K]>;
} = {
  type: secretType.optional(),
  tags: tags.optional(),
  description: z.string().max(DESCRIPTION_MAX).optional(),
  expiresAt: time.nullable().optional(),
};

/** The time of an input in milliseconds; `null` and `undefined` stay. */
export function toMs(text: string | null | undefined): number | null | undefined {
  if (text === null || text === undefined) return text;
  const ms = Date.parse(text);
  if (Number.isFinite(ms) && Math.abs(ms) <= TIME_MAX) return ms;
  throw new StrongroomError('invalid_input', 'a time is not in the calendar');
}

/** The name of the workspace that an input is about. */
export function workspaceOf(input: { readonly workspace?: string | undefined }): string {
  return input.workspace ?? FIRST_WORKSPACE;
}

function named(kind: 'workspace' | 'environment'): z.ZodString {
  return ruled((name) =>
    isName(name)
      ? undefined
      : new StrongroomError(
          'invalid_name',
          `the name of the ${kind} is not lower-case letters, digits and hyphens (at most 63)`,
        ),
  );
}

/** Text under a rule that says with an error of its own what is wrong. */
function ruled(faultOf: (text: string) => StrongroomError | undefined): z.ZodString {
  return z.string().superRefine((text, context) => {
    const fault = faultOf(text);
    if (fault !== undefined) context.addIssue({ code: 'custom', params: { fault } });
  });
}

function isValueInput(input: unknown): boolean {
  if (isSingleValue(input)) return true;
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return false;
  return Object.values(input).every(isSingleValue);
}
