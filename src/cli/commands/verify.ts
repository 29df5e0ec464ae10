import type { Command } from 'commander';

import type { DamagedSecret } from '../../core/operations/verify-checksums.ts';
import { StrongroomError } from '../../errors.ts';
import { wipe } from '../../lib/bytes.ts';
import { SecretValue } from '../../secret-value.ts';
import { EXIT } from '../exit-codes.ts';
import { environmentOption } from '../option-values.ts';
import { textOf } from '../read-secret.ts';
import { readFile } from '../read-text-file.ts';
import { withSuggestion } from '../suggest.ts';
import { formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { environmentOf, settleKeys, withSession, type GlobalOptions } from '../vault-access.ts';

interface VerifyOptions extends GlobalOptions {
  readonly environment?: string;
  readonly file?: string;
  readonly field?: string;
  readonly all?: boolean;
}

/** `strongroom verify NAME` compares a candidate; `strongroom verify --all` checks what is stored. */
export function registerVerify(program: Command, terminal: Terminal): void {
  const command = program
    .command('verify')
    .description(
      'say whether a candidate is the value; or with --all, whether all is stored as written',
    )
    .argument('[secret]', 'its name')
    .addOption(environmentOption())
    .option('-f, --file <file>', 'take the candidate from a file')
    .option('--field <name>', 'compare with one field')
    .option('--all', 'check every version of every secret; no value is given out')
    .action(async (path: string | undefined, _: object, command: Command) => {
      const options = command.optsWithGlobals<VerifyOptions>();
      if ((path === undefined) !== (options.all === true)) throw notOne();
      if (path === undefined) await verifyAll(options, terminal);
      else await verifyOne(path, options, terminal);
    });
  addExamples(
    command,
    'strongroom verify STRIPE_KEY -e production',
    'printf %s "$value" | strongroom verify STRIPE_KEY -e production',
    'strongroom verify --all',
  );
}

async function verifyOne(path: string, options: VerifyOptions, terminal: Terminal): Promise<void> {
  const environment = environmentOf(options.environment, options, terminal);
  const isAsked = options.file === undefined && terminal.canAsk;
  const keys = isAsked ? await settleKeys(options, terminal) : undefined;
  using candidate = await readCandidate(path, options, terminal);
  const { workspace, field } = options;
  const at = { workspace, environment, path };
  const verified = await withSession(
    options,
    terminal,
    (session) =>
      withSuggestion(session, at, () => session.secrets.verify({ ...at, candidate, field })),
    { keys },
  );
  terminal.result(verified, verified.matches ? 'yes' : 'no');
  if (!verified.matches) process.exitCode = EXIT.verificationFailed;
}

async function readCandidate(
  path: string,
  { file }: VerifyOptions,
  terminal: Terminal,
): Promise<SecretValue> {
  if (file === undefined && terminal.canAsk) return terminal.askSecret(`Candidate for ${path}`);
  const bytes = file === undefined ? await terminal.readInput() : readFile(file);
  try {
    return textOf(bytes);
  } catch (error) {
    if (!(error instanceof StrongroomError) || error.code !== 'not_text') throw error;
    return SecretValue.bytes(bytes);
  } finally {
    wipe(bytes);
  }
}

async function verifyAll(options: VerifyOptions, terminal: Terminal): Promise<void> {
  const damaged: DamagedSecret[] = [];
  const { done: checked, failed } = await withSession(options, terminal, async (session) => {
    let part = await session.secrets.verifyChecksums();
    damaged.push(...part.damaged);
    if (part.checked < part.done && !terminal.isJson) {
      terminal.note(
        `going on after the ${counted(part.done - part.checked)} of an interrupted check`,
      );
    }
    while (!part.finished) {
      terminal.progress(`checked ${part.done} of ${part.total} versions`);
      part = await session.secrets.verifyChecksums();
      damaged.push(...part.damaged);
    }
    return part;
  });
  terminal.result({ checked, failed, damaged }, damaged.length === 0 ? '' : table(damaged));
  if (failed > 0) process.exitCode = EXIT.verificationFailed;
  if (terminal.isJson) return;
  if (failed > damaged.length) {
    terminal.note(
      `${failed - damaged.length} more damaged before: see \`strongroom audit list --action secrets.damaged\``,
    );
  }
  terminal.note(
    failed === 0
      ? `checked ${counted(checked)}: nothing is damaged`
      : `checked ${counted(checked)}: keep a copy of the vault's files, and restore from a backup what is damaged`,
  );
}

function counted(versions: number): string {
  return `${versions} ${versions === 1 ? 'version' : 'versions'}`;
}

function table(damaged: readonly DamagedSecret[]): string {
  const rows = damaged.map((it) => [
    it.workspace ?? '',
    it.environment ?? '',
    it.path ?? it.secretId,
    it.version === undefined ? '' : String(it.version),
    it.reason,
  ]);
  return formatTable(['workspace', 'environment', 'name', 'version', 'problem'], rows);
}

function notOne(): StrongroomError {
  return new StrongroomError('usage', 'say the name of a secret, or --all', {
    hint: 'as in `strongroom verify STRIPE_KEY -e production`, or `strongroom verify --all`',
  });
}
