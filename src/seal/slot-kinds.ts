import {
  ARGON2ID_DEFAULTS,
  deriveArgon2id,
  derivePbkdf2,
  PBKDF2_DEFAULTS,
} from '../crypto/password.ts';
import { hkdfSha512 } from '../crypto/hkdf.ts';
import { randomBytes } from '../crypto/random.ts';
import { combineShares, parseShare, splitSecret } from '../crypto/shamir.ts';
import { formatToken, parseToken } from '../crypto/token.ts';
import { StrongroomError } from '../errors.ts';
import { fromBase64, toBase64 } from '../lib/base64.ts';
import { wipe } from '../lib/bytes.ts';
import { SecretValue } from '../secret-value.ts';
import { createKeyFile, readKeyFile } from './key-file.ts';
import { givenPassphraseBytes, newPassphraseBytes } from './passphrase.ts';
import { bytesMember, damagedSlot, numberMember, requireMembers } from './slot-params.ts';
import type { SlotParams } from './slot-params.ts';
import type { NewSlot, SlotKdf, SlotKey, SlotKind } from './slot.ts';

/** Bytes of the salt of every slot. */
export const SALT_BYTES = 32;

/** What is handed to people, once, when a slot was made. */
export interface SlotHandover {
  /** The recovery key. */
  readonly recovery?: SecretValue;
  /** One for each keeper. */
  readonly shares?: readonly SecretValue[];
  /** The key file that was written. */
  readonly keyFile?: string;
}

/** A slot about to be made. */
export interface SlotSeed {
  /** What the wrapping key is derived from; wiped by whoever asked for the seed. */
  readonly input: Uint8Array;
  /** The parameters besides the salt. */
  readonly params: SlotParams;
  /** Gives the input to whom it belongs. Called last, while the input still holds. */
  handOver(vaultId: string): SlotHandover;
}

/** All that differs between kinds of slots. */
export interface SlotRules<New = NewSlot, Key = SlotKey> {
  /** How a person would call what opens such a slot. */
  readonly opener: string;
  /** Chooses input and parameters of a new slot. */
  seed(spec: New): Promise<SlotSeed>;
  /** Reads the input out of what somebody brought; the caller wipes it. */
  readInput(key: Key): Promise<Uint8Array>;
  /** Checks the parameters of a slot, before anything is derived, and gives the derivation of its wrapping key. */
  derivation(params: SlotParams): (input: Uint8Array) => Promise<Uint8Array>;
  /** The error of a key that is well-formed but opens no slot. */
  refusal(key: Key): StrongroomError;
}

type RulesOf<K extends SlotKind> = SlotRules<
  Extract<NewSlot, { kind: K }>,
  Extract<SlotKey, { kind: K }>
>;

const INPUT_BYTES = 32;
const SET_ID_BYTES = 8;

const keyfile: RulesOf<'keyfile'> = {
  opener: 'a key file',
  async seed({ path }) {
    const input = randomBytes(INPUT_BYTES);
    const handOver = (vaultId: string): SlotHandover => {
      createKeyFile(path, vaultId, input);
      return { keyFile: path };
    };
    return { input, params: {}, handOver };
  },
  async readInput({ path }) {
    return readKeyFile(path);
  },
  derivation: (params) => expansion('keyfile', params),
  refusal: ({ path }) => wrongKey(`the key file ${path} does not open this vault`, { path }),
};

const passphrase: RulesOf<'passphrase'> = {
  opener: 'a passphrase',
  async seed({ passphrase, kdf = 'argon2id' }) {
    const params = PASSPHRASE_KDFS[kdf].defaults;
    return { input: newPassphraseBytes(passphrase), params: { kdf, ...params }, handOver: nothing };
  },
  async readInput(key) {
    const input = givenPassphraseBytes(key.passphrase);
    if (input === undefined) throw passphrase.refusal(key);
    return input;
  },
  derivation(params) {
    const kdf = params['kdf'];
    if (kdf !== 'argon2id' && kdf !== 'pbkdf2') throw damagedSlot('kdf');
    return PASSPHRASE_KDFS[kdf].derivation(params);
  },
  refusal: () =>
    new StrongroomError('wrong_passphrase', 'the passphrase does not open this vault', {
      hint: 'check the keyboard layout and caps lock',
    }),
};

const env: RulesOf<'env'> = {
  opener: 'the variable STRONGROOM_MASTER_KEY',
  async seed({ key }) {
    return { input: masterKeyBytes(key), params: {}, handOver: nothing };
  },
  async readInput({ key }) {
    return masterKeyBytes(key);
  },
  derivation: (params) => expansion('env', params),
  refusal: () => wrongKey('the key in STRONGROOM_MASTER_KEY does not open this vault'),
};

const shamir: RulesOf<'shamir'> = {
  opener: 'shares',
  async seed({ threshold, shares }) {
    if (!isSplit(threshold, shares)) {
      throw new StrongroomError(
        'invalid_input',
        'the threshold must be 2 or more, and no more than the shares, of which 255 are the most',
      );
    }
    const input = randomBytes(INPUT_BYTES);
    const split = await splitSecret(input, { threshold, shares });
    const params = { threshold, shares, set_id: toBase64(split.setId) };
    const handOver = (): SlotHandover => ({
      shares: split.shares.map((share) => SecretValue.text(share)),
    });
    return { input, params, handOver };
  },
  async readInput({ shares }) {
    return combineShares(shares.map(typedText));
  },
  derivation(params) {
    const derive = expansion('shamir', params, ['threshold', 'shares', 'set_id']);
    if (!isSplit(numberMember(params, 'threshold'), numberMember(params, 'shares'))) {
      throw damagedSlot('threshold');
    }
    bytesMember(params, 'set_id', SET_ID_BYTES);
    return derive;
  },
  refusal: () =>
    wrongKey('the shares do not open this vault; they are of another one, or were replaced'),
};

const recovery: RulesOf<'recovery'> = {
  opener: 'a recovery key',
  async seed() {
    const input = randomBytes(INPUT_BYTES);
    const handOver = (): SlotHandover => ({
      recovery: SecretValue.text(formatToken('recovery', input)),
    });
    return { input, params: {}, handOver };
  },
  async readInput({ token }) {
    const input = parseToken('recovery', typedText(token));
    if (input === undefined) {
      throw new StrongroomError('wrong_key', 'this is not a recovery key', {
        hint: 'check it for typing errors; it begins with sr_recovery_',
      });
    }
    return input;
  },
  derivation: (params) => expansion('recovery', params),
  refusal: () => wrongKey('the recovery key does not open this vault'),
};

const SLOT_KINDS: { readonly [K in SlotKind]: RulesOf<K> } = {
  keyfile,
  passphrase,
  env,
  shamir,
  recovery,
};

/** The rules of a kind. */
export function slotRules(kind: SlotKind): SlotRules {
  return SLOT_KINDS[kind];
}

/** Whether a stored word names a kind that this version knows. */
export function isSlotKind(word: string): word is SlotKind {
  return Object.hasOwn(SLOT_KINDS, word);
}

interface PassphraseKdf {
  readonly defaults: SlotParams;
  readonly derivation: SlotRules['derivation'];
}

/** The bounds are held by `crypto/password.ts`, before it begins. */
const PASSPHRASE_KDFS: Readonly<Record<SlotKdf, PassphraseKdf>> = {
  argon2id: {
    defaults: {
      memory_kib: ARGON2ID_DEFAULTS.memoryKib,
      passes: ARGON2ID_DEFAULTS.passes,
      lanes: ARGON2ID_DEFAULTS.lanes,
    },
    derivation(params) {
      requireMembers(params, ['salt', 'kdf', 'memory_kib', 'passes', 'lanes']);
      const salt = bytesMember(params, 'salt', SALT_BYTES);
      const memoryKib = numberMember(params, 'memory_kib');
      const passes = numberMember(params, 'passes');
      const lanes = numberMember(params, 'lanes');
      return (input) => deriveArgon2id(input, salt, { memoryKib, passes, lanes });
    },
  },
  pbkdf2: {
    defaults: { iterations: PBKDF2_DEFAULTS.iterations },
    derivation(params) {
      requireMembers(params, ['salt', 'kdf', 'iterations']);
      const salt = bytesMember(params, 'salt', SALT_BYTES);
      const iterations = numberMember(params, 'iterations');
      return (input) => derivePbkdf2(input, salt, { iterations });
    },
  },
};

/** The derivation of kinds whose input is random already. */
function expansion(
  kind: SlotKind,
  params: SlotParams,
  members: readonly string[] = [],
): (input: Uint8Array) => Promise<Uint8Array> {
  requireMembers(params, ['salt', ...members]);
  const salt = bytesMember(params, 'salt', SALT_BYTES);
  return async (input) => hkdfSha512(input, salt, `strongroom/v1/slot/${kind}`, INPUT_BYTES);
}

/**
 * Puts shares into the sets that they were made in; each share names its own.
 * With one that is no share among them all stay together, so that it is named
 * by its place when they are tried.
 */
export function shareSets(shares: readonly SecretValue[]): readonly (readonly SecretValue[])[] {
  if (shares.length === 0) return [shares];
  const sets = new Map<string, SecretValue[]>();
  for (const share of shares) {
    const parsed = share.kind === 'text' ? parseShare(typedText(share)) : undefined;
    if (parsed === undefined) return [shares];
    wipe(parsed.bytes);
    const setId = toBase64(parsed.setId);
    sets.set(setId, [...(sets.get(setId) ?? []), share]);
  }
  return [...sets.values()];
}

function masterKeyBytes(key: SecretValue): Uint8Array {
  const hint = 'make a key with: openssl rand -base64 32';
  const bytes = fromBase64(typedText(key));
  if (bytes === undefined) {
    throw new StrongroomError('invalid_input', 'STRONGROOM_MASTER_KEY is not base64', { hint });
  }
  if (bytes.length < INPUT_BYTES) {
    wipe(bytes);
    throw new StrongroomError(
      'key_too_short',
      `STRONGROOM_MASTER_KEY has fewer than ${INPUT_BYTES} bytes`,
      { details: { min: INPUT_BYTES }, hint },
    );
  }
  return bytes;
}

function isSplit(threshold: number, shares: number): boolean {
  if (!Number.isInteger(threshold) || !Number.isInteger(shares)) return false;
  return threshold >= 2 && threshold <= shares && shares <= 255;
}

function wrongKey(message: string, details: { readonly path?: string } = {}): StrongroomError {
  return new StrongroomError('wrong_key', message, { details });
}

/** Copied and piped text often brings a line break along. */
function typedText(value: SecretValue): string {
  return value.reveal().trim();
}

function nothing(): SlotHandover {
  return {};
}
