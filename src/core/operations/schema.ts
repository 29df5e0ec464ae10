import { z } from 'zod';

import { DESCRIPTION_MAX, TAGS_MAX } from '../../domain/secrets/limits.ts';
import type { JsonValue } from '../../domain/secrets/metadata.ts';
import { pathFault } from '../../domain/secrets/path.ts';
import { isSingleValue, type ValueInput } from '../../domain/secrets/value.ts';
import { FIRST_WORKSPACE, isName } from '../../domain/workspaces/names.ts';
import { StrongroomError } from '../../errors.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { SECRET_TYPES, type SecretType } from '../../formats/secret-type.ts';
import { generator, rotation } from './rotation-input.ts';

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

/** One tag. */
export const tag: z.ZodType<string> = z.string().max(64);

const METADATA_KEY = /^[\p{L}\p{N}][\p{L}\p{N} ._:/@+-]{0,127}$/u;

/** Members of custom metadata: JSON values by names of 1 to 128 letters, digits, spaces and `._:/@+-`. */
export const metadata: z.ZodType<Readonly<Record<string, JsonValue>>> =
  z.custom<Readonly<Record<string, JsonValue>>>(isMetadata);

/** A version to compare with: 0 means that there must be no secret. */
export const cas: z.ZodType<number> = z.int().min(0);

/** A moment, RFC 3339 with a time zone. */
export const time: z.ZodType<string> = z.iso.datetime({ offset: true });

/** Members that say something about a secret besides its value. */
export interface AttributesInput {
  readonly type?: SecretType | undefined;
  /** Up to 128, each 1 to 64 letters, digits, spaces and `._:/@+-`. */
  readonly tags?: readonly string[] | undefined;
  /** Added to the tags that it has. */
  readonly addTags?: readonly string[] | undefined;
  /** Taken from the tags that it has. */
  readonly removeTags?: readonly string[] | undefined;
  /** Up to 4,096 characters; kept encrypted. */
  readonly description?: string | undefined;
  /** What it is for and where it is used: up to 4,096 characters; kept encrypted. */
  readonly usage?: string | undefined;
  /**
   * Members of your own, up to 64 with 16 KiB together; kept encrypted. They are merged into
   * those that are there, and `null` takes one away.
   */
  readonly metadata?: Readonly<Record<string, JsonValue>> | undefined;
  /** Whether it is given out. An inactive secret is still listed, but not read. Default yes. */
  readonly active?: boolean | undefined;
  /** Name or id of the principal who answers for it, or `null` for nobody. */
  readonly owner?: string | null | undefined;
  /** RFC 3339, or `null` for never. An expired secret can still be read, and says so. */
  readonly expiresAt?: string | null | undefined;
  /** When it is to be rotated: `manual`, `auto_90_days`, `every 45d`, `cron 0 3 * * 1` … */
  readonly rotation?: string | undefined;
  /** How new values are generated, such as `password:24`; `null`: somebody gives them. */
  readonly generator?: string | null | undefined;
}

/** The schema of {@link AttributesInput}, to be spread into an input's. */
export const attributes: {
  readonly [K in keyof AttributesInput]-?: z.ZodType<AttributesInput[K]>;
} = {
  type: secretType.optional(),
  tags: tags.optional(),
  addTags: tags.optional(),
  removeTags: tags.optional(),
  description: z.string().max(DESCRIPTION_MAX).optional(),
  usage: z.string().max(DESCRIPTION_MAX).optional(),
  metadata: metadata.optional(),
  active: z.boolean().optional(),
  owner: z.string().min(1).max(128).nullable().optional(),
  expiresAt: time.nullable().optional(),
  rotation: rotation.optional(),
  generator: generator.nullable().optional(),
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

/** What is nested too deep, or is no JSON, `canonicalJson` refuses. */
function isMetadata(input: unknown): boolean {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return false;
  try {
    canonicalJson({ custom: input });
    return Object.keys(input).every((key) => METADATA_KEY.test(key));
  } catch {
    return false;
  }
}
