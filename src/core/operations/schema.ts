import { z } from 'zod';

import { DESCRIPTION_MAX, TAGS_MAX } from '../../domain/secrets/limits.ts';
import type { JsonValue } from '../../domain/secrets/metadata.ts';
import { pathFault } from '../../domain/secrets/path.ts';
import { isSingleValue, type ValueInput } from '../../domain/secrets/value.ts';
import { FIRST_WORKSPACE, isName } from '../../domain/workspaces/names.ts';
import { StrongroomError } from '../../errors.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { SECRET_TYPES, type SecretType } from '../../formats/secret-type.ts';
import { SecretValue } from '../../secret-value.ts';
import { generator, rotation } from './rotation-input.ts';

const TIME_MAX = 8_640_000_000_000_000;

/** What a duration looks like: `30m`, `12h`, `90d`. */
export const DURATION = '^[1-9][0-9]{0,5}[mhd]$';

/** The name of a workspace; without one, the first. */
export const workspace: z.ZodType<string | undefined> = named('workspace').optional();

/** The name of an environment. */
export const environment: z.ZodType<string> = named('environment');

/** A secret's path. */
export const path: z.ZodType<string> = ruled(pathFault).meta({
  pattern: '^[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+){0,15}$',
  maxLength: 255,
});

/** The members of an input that name one secret, to be spread into it. */
export const address: {
  readonly workspace: z.ZodType<string | undefined>;
  readonly environment: z.ZodType<string>;
  readonly path: z.ZodType<string>;
} = { workspace, environment, path };

/** Text, bytes, either as a `SecretValue`, or fields of these. */
export const value: z.ZodType<ValueInput> = z
  .custom<ValueInput>(isValueInput, 'takes text or bytes, or fields of these')
  .meta({ wire: { shape: 'value' } });

/** Something secret that is given or taken as it is. */
export const secret: z.ZodType<SecretValue> = z
  .custom<SecretValue>(
    (given) => given instanceof SecretValue,
    'takes something secret: text or bytes',
  )
  .meta({ wire: { shape: 'secret' } });

/** Something secret in an answer. */
export const secretOutput: z.ZodType<SecretValue> = secret;

/** Schemas of the members of an object. */
export type Members<T> = { readonly [K in keyof T]-?: z.ZodType<T[K]> };

/** The schema of an answer that has these members and no others. */
export function answer<T>(members: Members<T>): z.ZodType<T> {
  return z.strictObject(members) as unknown as z.ZodType<T>;
}

/** Texts for people, or names, in an answer. */
export const texts: z.ZodType<readonly string[]> = z.array(z.string());

/**
 * What members of inputs and answers about secrets are called over HTTP, where
 * that is not their own name: for `.meta({ wire: SECRET_NAMES })`.
 */
export const SECRET_NAMES: { readonly names: Readonly<Record<string, string>> } = {
  names: {
    path: 'name',
    paths: 'names',
    type: 'secret_type',
    active: 'is_active',
    access: 'access_policy',
    rotation: 'rotation_policy',
    rotatedAt: 'last_rotated_at',
    createdBy: 'created_by_user_id',
    updatedBy: 'updated_by_user_id',
  },
};

/** Text in the head of a request or answer, such as an entity tag; documents have no such member. */
export const headText: z.ZodType<string | undefined> = z.string().max(4096).optional();

/** JSON of the caller's own, in an answer. */
export const ownJson: z.ZodType<Readonly<Record<string, JsonValue>>> = z
  .custom<Readonly<Record<string, JsonValue>>>((given) => typeof given === 'object')
  .meta({ wire: { shape: 'any' }, type: 'object' });

/** A time in an answer: RFC 3339, UTC. */
export const instant: z.ZodType<string> = z.iso.datetime();

/** The type of a secret. */
export const secretType: z.ZodType<SecretType> = z.enum(
  SECRET_TYPES as readonly [SecretType, ...SecretType[]],
);

/** Tags of a secret. */
export const tags: z.ZodType<readonly string[]> = z
  .array(
    z
      .string()
      .regex(
        /^[\p{L}\p{N}][\p{L}\p{N} ._:/@+-]{0,63}$/u,
        'takes 1 to 64 letters, digits, spaces and ._:/@+-, a letter or digit first',
      ),
  )
  .max(TAGS_MAX);

/** One tag. */
export const tag: z.ZodType<string> = z.string().max(64);

const METADATA_KEY = /^[\p{L}\p{N}][\p{L}\p{N} ._:/@+-]{0,127}$/u;

/** Members of custom metadata: JSON values by names of 1 to 128 letters, digits, spaces and `._:/@+-`. */
export const metadata: z.ZodType<Readonly<Record<string, JsonValue>>> = z
  .custom<Readonly<Record<string, JsonValue>>>(
    isMetadata,
    'takes an object of JSON values by names of 1 to 128 letters, digits, spaces and ._:/@+-',
  )
  .meta({
    wire: { shape: 'any' },
    type: 'object',
    propertyNames: { pattern: METADATA_KEY.source },
  });

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
  /**
   * Days of policy `auto`, 1 to 3,650; with another policy it has to be what that says.
   * `null`: it says nothing, and alone it takes the policy away.
   */
  readonly rotationIntervalDays?: number | null | undefined;
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
  rotationIntervalDays: z.int().min(1).max(3650).nullable().optional(),
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
  ).meta({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$' });
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
