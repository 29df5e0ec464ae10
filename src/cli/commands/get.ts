import type { Command } from 'commander';

import type { SecretRead } from '../../core/operations/read-secret.ts';
import { StrongroomError } from '../../errors.ts';
import { toBase64 } from '../../lib/base64.ts';
import { wipe } from '../../lib/bytes.ts';
import type { SecretValue } from '../../secret-value.ts';
import { environmentOption, wholeNumber } from '../option-values.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { environmentOf, withSession, type GlobalOptions } from '../vault-access.ts';
import { withSuggestion } from '../suggest.ts';

interface GetOptions extends GlobalOptions {
  readonly environment?: string;
  readonly version?: number;
  readonly field?: string;
}

/** `strongroom get NAME`: prints a secret's value and nothing else. */
export function registerGet(program: Command, terminal: Terminal): void {
  const command = program
    .command('get')
    .description("print a secret's value")
    .argument('<secret>', 'its name')
    .addOption(environmentOption())
    .option('--version <number>', 'an earlier version', wholeNumber('--version', 1))
    .option('--field <name>', 'one field of a secret that has fields')
    .action(async (path: string, _options: object, command: Command) => {
      const options = command.optsWithGlobals<GetOptions>();
      const environment = environmentOf(options.environment, options, terminal);
      const { workspace, version, field } = options;
      const secret = await withSession(options, terminal, (session) =>
        withSuggestion(session, { workspace, environment, path }, () =>
          session.secrets.read({ workspace, environment, path, version, field }),
        ),
      );
      try {
        show(secret, terminal);
      } finally {
        for (const value of valuesOf(secret)) value.wipe();
      }
    });
  addExamples(
    command,
    'strongroom get STRIPE_KEY -e production',
    'strongroom get STRIPE_KEY --version 1',
  );
}

function show(secret: SecretRead, terminal: Terminal): void {
  if (secret.isExpired) terminal.note(`${secret.path} has expired`);
  if (terminal.isJson) {
    terminal.result({ ...secret, ...jsonValue(secret) }, '');
    return;
  }
  if (secret.kind === 'fields') {
    throw new StrongroomError('invalid_input', `${secret.path} has fields`, {
      hint: `name one with --field (${Object.keys(secret.fields).join(', ')}), or use --json`,
    });
  }
  const bytes = secret.value.revealBytes();
  terminal.write(bytes, () => wipe(bytes));
  if (terminal.isOutputTerminal) terminal.write('\n');
}

/** Values as JSON has them: text as it is, bytes as `{"$base64": …}`. */
function jsonValue(secret: SecretRead): object {
  if (secret.kind !== 'fields') return { value: plain(secret.value) };
  const fields = Object.entries(secret.fields).map(([name, value]) => [name, plain(value)]);
  return { fields: Object.fromEntries(fields) as object };
}

function plain(value: SecretValue): unknown {
  if (value.kind === 'text') return value.reveal();
  const bytes = value.revealBytes();
  try {
    return { $base64: toBase64(bytes) };
  } finally {
    wipe(bytes);
  }
}

function valuesOf(secret: SecretRead): readonly SecretValue[] {
  return secret.kind === 'fields' ? Object.values(secret.fields) : [secret.value];
}
