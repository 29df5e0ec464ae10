import type { SlotKey } from '../seal/slot.ts';
import { SecretValue } from '../secret-value.ts';
import type { Setting } from './project.ts';
import { readOrAsk } from './read-secret.ts';
import type { Terminal } from './terminal.ts';

/** Options that name what opens a vault. */
export interface KeyOptions {
  readonly keyFile?: string;
  readonly passphraseFile?: string;
  readonly recoveryFile?: string;
  readonly shareFile?: readonly string[];
}

/** What would open the vault: the kind of key, and the option or variable that says so; never a key. */
export function settledKey(options: KeyOptions): Setting {
  const { value, source } = chooseKey(options);
  return { value, source };
}

/**
 * What opens the vault, as options and variables say; `undefined` is the key file.
 *
 * @throws {@link StrongroomError} `file_not_found`, `not_text`; `usage` if nobody can be asked.
 */
export async function keysOf(
  options: KeyOptions,
  terminal: Terminal,
): Promise<readonly SlotKey[] | undefined> {
  const key = await chooseKey(options).take?.(terminal);
  return key === undefined ? undefined : [key];
}

interface Choice extends Setting {
  /** Reads or asks for the key. */
  readonly take?: (terminal: Terminal) => SlotKey | Promise<SlotKey>;
}

/** Options count before variables; the first that is there is used alone. */
function chooseKey({ recoveryFile, shareFile = [], passphraseFile, keyFile }: KeyOptions): Choice {
  if (recoveryFile !== undefined) {
    return {
      value: `recovery key ${recoveryFile === '-' ? 'that is asked for' : `in ${recoveryFile}`}`,
      source: '--recovery-file',
      take: async (terminal) => ({
        kind: 'recovery',
        token: await readOrAsk(recoveryFile, 'Recovery key', terminal),
      }),
    };
  }
  if (shareFile.length > 0) {
    return {
      value: `${shareFile.length} Shamir shares`,
      source: '--share-file',
      take: async (terminal) => ({ kind: 'shamir', shares: await readShares(shareFile, terminal) }),
    };
  }
  if (passphraseFile !== undefined) return passphraseIn(passphraseFile);
  return keyFileIn(keyFile, '--key-file') ?? keyInVariables();
}

function passphraseIn(file: string): Choice {
  return {
    value: `passphrase ${file === '-' ? 'that is asked for' : `in ${file}`}`,
    source: '--passphrase-file',
    take: async (terminal) => ({
      kind: 'passphrase',
      passphrase: await readOrAsk(file, 'Passphrase', terminal),
    }),
  };
}

async function readShares(
  files: readonly string[],
  terminal: Terminal,
): Promise<readonly SecretValue[]> {
  const shares: SecretValue[] = [];
  for (const [at, file] of files.entries()) {
    shares.push(await readOrAsk(file, `Share ${at + 1} of ${files.length}`, terminal));
  }
  return shares;
}

function keyFileIn(path: string | undefined, source: string): Choice | undefined {
  if (path === undefined || path === '') return undefined;
  return { value: path, source, take: () => ({ kind: 'keyfile', path }) };
}

function keyInVariables(): Choice {
  const keyFile = keyFileIn(process.env['STRONGROOM_KEY_FILE'], 'STRONGROOM_KEY_FILE');
  if (keyFile !== undefined) return keyFile;
  const key = process.env['STRONGROOM_MASTER_KEY'] ?? '';
  if (key === '') return { value: "the vault's key file", source: 'default' };
  return {
    value: '(hidden)',
    source: 'STRONGROOM_MASTER_KEY',
    take: () => ({ kind: 'env', key: SecretValue.text(key) }),
  };
}
