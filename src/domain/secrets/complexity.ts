import type { VersionRecord } from '../../crypto/version-record.ts';
import { StrongroomError } from '../../errors.ts';
import { guessType } from '../../formats/guess-type.ts';
import type { SecretType } from '../../formats/secret-type.ts';
import type { ComplexityRules } from '../settings/known-settings.ts';

/** The rules of the preset `strong`. */
const STRONG: ComplexityRules = {
  minLength: 12,
  upper: true,
  lower: true,
  digit: true,
  special: true,
};

const DEFAULT_TYPES: readonly SecretType[] = ['password'];

/** What was found in a value; characters beyond ASCII count for its length alone. */
interface Found {
  length: number;
  upper: boolean;
  lower: boolean;
  digit: boolean;
  special: boolean;
}

const KINDS = {
  upper: 'an upper-case letter',
  lower: 'a lower-case letter',
  digit: 'a digit',
  special: 'a special character',
} as const;

/** The rules that values of a type are held against; `undefined` if there are none. */
export function rulesFor(
  complexity: ComplexityRules | 'strong' | null,
  type: string,
): ComplexityRules | undefined {
  if (complexity === null) return undefined;
  const rules = complexity === 'strong' ? STRONG : complexity;
  const types: readonly string[] = rules.types ?? DEFAULT_TYPES;
  return types.includes(type) ? rules : undefined;
}

/**
 * Holds a value against the rules of its workspace. Of a value with fields
 * those count whose name is that of a password.
 *
 * @param of - The path of the secret, where more than one may be meant.
 * @throws {@link StrongroomError} `too_weak`, naming the rules that are not met.
 */
export function requireComplexity(
  record: VersionRecord,
  rules: ComplexityRules,
  of?: string,
): void {
  const isOfFields = record.kind === 'fields';
  for (const { name, bytes } of record.fields) {
    if (isOfFields && guessType(name) !== 'password') continue;
    const missing = missingIn(lookThrough(bytes), rules);
    if (missing.size > 0) throw tooWeak(missing, of);
  }
}

/** Byte by byte, so that no text is made of it that nobody could wipe. */
function lookThrough(bytes: Uint8Array): Found {
  const found = { length: 0, upper: false, lower: false, digit: false, special: false };
  for (const byte of bytes) {
    // Bytes of a UTF-8 character after its first do not count.
    if ((byte & 0xc0) !== 0x80) found.length += 1;
    if (byte >= 0x41 && byte <= 0x5a) found.upper = true;
    else if (byte >= 0x61 && byte <= 0x7a) found.lower = true;
    else if (byte >= 0x30 && byte <= 0x39) found.digit = true;
    else if (byte > 0x20 && byte < 0x7f) found.special = true;
  }
  return found;
}

/** The rules that are not met, by name, as people read them. */
function missingIn(found: Found, rules: ComplexityRules): ReadonlyMap<string, string> {
  const missing = new Map<string, string>();
  const { minLength = 0 } = rules;
  if (found.length < minLength) missing.set('minLength', `at least ${minLength} characters`);
  for (const [kind, text] of Object.entries(KINDS)) {
    const name = kind as keyof typeof KINDS;
    if (rules[name] === true && !found[name]) missing.set(name, text);
  }
  return missing;
}

function tooWeak(missing: ReadonlyMap<string, string>, of: string | undefined): StrongroomError {
  const value = of === undefined ? 'the value' : `the value of ${of}`;
  return new StrongroomError(
    'too_weak',
    `${value} does not meet the rules of its workspace: it needs ${[...missing.values()].join(', ')}`,
    {
      details: { missing: [...missing.keys()], ...(of === undefined ? {} : { path: of }) },
      hint: 'see `strongroom settings get complexity`',
    },
  );
}
