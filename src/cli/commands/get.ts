import { Option, type Command } from 'commander';

import type { SecretRead } from '../../core/operations/read-secret.ts';
import type { SecretResolved } from '../../core/operations/resolve-secret.ts';
import type { ValueOutput } from '../../domain/secrets/value.ts';
import { StrongroomError } from '../../errors.ts';
import { wipe } from '../../lib/bytes.ts';
import type { SecretValue } from '../../secret-value.ts';
import { sourceNote } from '../list-effective.ts';
import { environmentOption, wholeNumber } from '../option-values.ts';
import { pastMoment } from '../past-moment.ts';
import { plainValue } from '../plain-value.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { environmentOf, withSession, type GlobalOptions } from '../vault-access.ts';
import { withSuggestion } from '../suggest.ts';

interface GetOptions extends GlobalOptions {
  readonly environment?: string;
  readonly version?: number;
  readonly stage?: 'current' | 'previous';
  readonly at?: string;
  readonly field?: string;
  readonly raw?: boolean;
}

/** `strongroom get NAME`: prints a secret's value and nothing else. */
export function registerGet(program: Command, terminal: Terminal): void {
  const command = program
    .command('get')
    .description("print a secret's value")
    .argument('<secret>', 'its name')
    .addOption(environmentOption())
    .option('--version <number>', 'an earlier version', wholeNumber('--version', 1))
    .addOption(
      new Option('--stage <stage>', 'the version before the last rotation')
        .choices(['current', 'previous'])
        .conflicts('version'),
    )
    .addOption(
      new Option('--at <time>', 'the value of then, such as yesterday or 2026-03-01T12:00')
        .argParser(pastMoment('--at'))
        .conflicts(['version', 'stage']),
    )
    .option('--field <name>', 'one field of a secret that has fields')
    .option(
      '--raw',
      'what is stored there: not inherited, not your own, with references as they are',
    )
    .action(async (path: string, _options: object, command: Command) => {
      const options = command.optsWithGlobals<GetOptions>();
      const environment = environmentOf(options.environment, options, terminal);
      const { workspace, version, stage, at, field } = options;
      const isStored = (version ?? stage ?? at) !== undefined;
      const raw = options.raw ?? isStored;
      const secret = await withSession(options, terminal, (session) =>
        withSuggestion(session, { workspace, environment, path }, () =>
          raw
            ? session.secrets.read({ workspace, environment, path, version, stage, at, field })
            : session.secrets.resolve({ workspace, environment, path, field }),
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
    'strongroom get STRIPE_KEY --at yesterday',
  );
}

function show(secret: SecretRead | SecretResolved, terminal: Terminal): void {
  if (secret.isExpired) terminal.note(`${secret.path} has expired`);
  const source = 'from' in secret ? sourceNote(secret) : undefined;
  if (source !== undefined) terminal.note(`${secret.path} is ${source}`);
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
function jsonValue(secret: ValueOutput): object {
  if (secret.kind !== 'fields') return { value: plainValue(secret.value) };
  const fields = Object.entries(secret.fields).map(([name, value]) => [name, plainValue(value)]);
  return { fields: Object.fromEntries(fields) as object };
}

function valuesOf(secret: ValueOutput): readonly SecretValue[] {
  return secret.kind === 'fields' ? Object.values(secret.fields) : [secret.value];
}
