import { setTimeout as sleep } from 'node:timers/promises';

import { Option, type Command } from 'commander';

import type { SealStatus, Unsealed } from '../../http/seal-pages.ts';
import { StrongroomError } from '../../errors.ts';
import type { SlotKind } from '../../seal/slot.ts';
import { plainText } from '../plain-value.ts';
import { collect } from '../global-options.ts';
import { readOrAsk } from '../read-secret.ts';
import { askServer } from '../server-request.ts';
import { locateServer, type ServerTarget, type TargetOptions } from '../server-target.ts';
import type { Terminal } from '../terminal.ts';
import { RESTART, typedKey } from '../typed-keys.ts';
import { addExamples } from '../usage.ts';
import { requireNoPrincipal, type GlobalOptions } from '../vault-access.ts';

interface UnsealOptions extends Omit<GlobalOptions, 'shareFile'>, TargetOptions {
  readonly round?: string;
  readonly shareFile?: readonly string[];
}

/** The names that the server calls them by. */
type Brought =
  | { readonly passphrase: string }
  | { readonly recovery_key: string }
  | { readonly share: string; readonly nonce?: string };

const PAUSE_MS = 1100;
const HERE = 'http://127.0.0.1:8200';

/** `strongroom unseal`: brings a key to a server whose vault is sealed. */
export function registerUnseal(program: Command, terminal: Terminal): void {
  const command = program
    .command('unseal')
    .description("open a server's vault with a passphrase, recovery key or shares")
    .option('--round <nonce>', 'add a share to the round that somebody began')
    .option('--passphrase-file <file>', 'the passphrase in a file (- asks for it)')
    .option('--recovery-file <file>', 'the recovery key in a file (- asks for it)')
    .addOption(
      new Option('--share-file <file>', 'a share in a file; once for each (- asks)').argParser(
        collect,
      ),
    )
    .action(async (_: object, command: Command) => {
      await unseal(command.optsWithGlobals<UnsealOptions>(), terminal);
    });
  addExamples(
    command,
    'strongroom unseal',
    'strongroom unseal --address https://vault.example:8200',
    'strongroom unseal --share-file - --round 3q2-7w…',
  );
}

/** `strongroom seal`: closes a server's vault until somebody brings a key. */
export function registerSeal(program: Command, terminal: Terminal): void {
  const command = program
    .command('seal')
    .description("close a server's vault, until somebody brings a key")
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const server = serverOf(options);
      requireNoPrincipal(options);
      const { remoteSession } = await import('../remote-session.ts');
      await remoteSession(server).vault.seal();
      const address = server.value;
      terminal.result({ address, sealed: true }, '');
      const { kinds = [] } = await sealStatus(address);
      const way = typedKey(kinds) === undefined ? RESTART : '`strongroom unseal` opens it again';
      terminal.note(`the vault is sealed; ${way}`);
    });
  addExamples(command, 'strongroom seal', 'strongroom seal --address https://vault.example:8200');
}

async function unseal(options: UnsealOptions, terminal: Terminal): Promise<void> {
  const address = serverOf(options).value;
  const status = await sealStatus(address);
  if (!status.sealed) {
    terminal.result({ address, sealed: false }, '');
    terminal.note('the vault is open already');
    return;
  }
  const answer = await bring(options, { address, status }, terminal);
  terminal.result({ address, ...answer }, '');
  tellProgress(answer, address, terminal);
}

async function sealStatus(address: string): Promise<SealStatus> {
  return (await askServer({ address, path: '/api/sys/seal-status', method: 'GET' })) as SealStatus;
}

function tellProgress({ sealed, round }: Unsealed, address: string, terminal: Terminal): void {
  if (!sealed) terminal.note('the vault is open');
  if (round === undefined) return;
  const missing = round.needed - round.given;
  terminal.note(
    `${round.given} of ${round.needed} shares; whoever has ${missing === 1 ? 'another' : 'others'}: strongroom unseal --round ${round.nonce} --address ${address}`,
  );
}

async function bring(
  options: UnsealOptions,
  { address, status }: { readonly address: string; readonly status: SealStatus },
  terminal: Terminal,
): Promise<Unsealed> {
  const send = async (body: Brought): Promise<Unsealed> =>
    (await askServer({ address, path: '/api/sys/unseal', method: 'POST', body })) as Unsealed;
  const kind = kindOf(options, status.kinds ?? []);
  if (kind === 'passphrase') {
    return send({ passphrase: await take(options.passphraseFile, 'Passphrase', terminal) });
  }
  if (kind === 'recovery') {
    return send({ recovery_key: await take(options.recoveryFile, 'Recovery key', terminal) });
  }
  let answer: Unsealed | undefined;
  for (const file of options.shareFile ?? [undefined]) {
    // The server takes one a second from one address.
    if (answer !== undefined) await sleep(PAUSE_MS);
    const nonce = answer?.round?.nonce ?? options.round;
    const share = await take(file, 'Share', terminal);
    answer = await send(nonce === undefined ? { share } : { share, nonce });
  }
  return answer ?? { sealed: true };
}

/** What is brought: as options say, else what the vault opens with and a person can type. */
function kindOf(
  { passphraseFile, recoveryFile, shareFile, round }: UnsealOptions,
  kinds: readonly SlotKind[],
): 'passphrase' | 'recovery' | 'shamir' {
  if (passphraseFile !== undefined) return 'passphrase';
  if (recoveryFile !== undefined) return 'recovery';
  if (shareFile !== undefined || round !== undefined) return 'shamir';
  const found = typedKey(kinds);
  if (found !== undefined) return found;
  throw new StrongroomError('key_not_found', 'the vault opens with nothing that could be typed', {
    hint: RESTART,
  });
}

async function take(
  file: string | undefined,
  question: string,
  terminal: Terminal,
): Promise<string> {
  using secret = await readOrAsk(file, question, terminal);
  return plainText(secret).trim();
}

/** The server that is named or was signed in to, else the one of this machine. A vault here is not asked. */
function serverOf(options: TargetOptions): ServerTarget {
  return locateServer(options) ?? { value: HERE, source: 'default', profile: undefined };
}
