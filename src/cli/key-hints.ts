import { SERVER_HOLDER } from '../core/server-holder.ts';
import { StrongroomError } from '../errors.ts';
import type { SlotKind } from '../seal/slot.ts';
import type { Setting } from './project.ts';

const OPTIONS: Readonly<Record<SlotKind, string>> = {
  keyfile: '--key-file FILE',
  passphrase: '--passphrase-file FILE (or - to be asked)',
  env: 'STRONGROOM_MASTER_KEY',
  shamir: '--share-file FILE, once for each share',
  recovery: '--recovery-file FILE',
};

/** An error of opening a vault, with a hint that names what can be typed. Others stay as they are. */
export function withKeyHint(error: unknown): unknown {
  if (!(error instanceof StrongroomError)) return error;
  const { code, message, details, hint } = error;
  if (code === 'key_not_found') {
    const ways = optionsOf(details['kinds']);
    if (ways === '') return error;
    return new StrongroomError(code, message, {
      details,
      hint: `open it with ${ways}; a key file is looked for in the directory that \`strongroom config\` names`,
      cause: error,
    });
  }
  if (code === 'vault_in_use' && details['holder'] === SERVER_HOLDER) {
    return new StrongroomError(code, message, {
      details,
      hint: 'ask the server that has it: `strongroom login ADDRESS`, then --profile default',
      cause: error,
    });
  }
  const isWrong = code === 'wrong_key' || code === 'wrong_passphrase';
  if (!isWrong) return error;
  const other = '`strongroom --help` lists the options that name another key';
  return new StrongroomError(code, message, {
    details,
    hint: hint === undefined ? other : `${hint}; ${other}`,
    cause: error,
  });
}

/** An error that tells who is no principal. */
export function withPrincipalHint(error: unknown, { value, source }: Setting): unknown {
  if (!(error instanceof StrongroomError) || error.code !== 'principal_unknown') return error;
  const isSystem = source === 'the system user';
  return new StrongroomError(
    'principal_unknown',
    `${isSystem ? 'the system user ' : ''}${value} is no principal of this vault`,
    {
      details: error.details,
      hint: '--principal NAME or STRONGROOM_PRINCIPAL; whoever ran `strongroom init` is owner',
      cause: error,
    },
  );
}

/** Whether a vault that no key was found for opens with a passphrase. */
export function opensWithPassphrase(error: unknown): boolean {
  const kinds = error instanceof StrongroomError ? error.details['kinds'] : undefined;
  return isKeyNotFound(error) && Array.isArray(kinds) && kinds.includes('passphrase');
}

function isKeyNotFound(error: unknown): boolean {
  return error instanceof StrongroomError && error.code === 'key_not_found';
}

function optionsOf(kinds: unknown): string {
  if (!Array.isArray(kinds)) return '';
  const ways = Object.entries(OPTIONS).flatMap(([kind, way]) =>
    kinds.includes(kind) ? [way] : [],
  );
  return new Intl.ListFormat('en', { type: 'disjunction' }).format(ways);
}
