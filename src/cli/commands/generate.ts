import type { Command } from 'commander';

import type { GeneratedValue } from '../../core/operations/generate-value.ts';
import { wipe } from '../../lib/bytes.ts';
import type { SecretValue } from '../../secret-value.ts';
import { wholeNumber } from '../option-values.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';

const LINE_FEED = 0x0a;

interface GenerateOptions extends GlobalOptions {
  readonly length?: number;
  readonly characters?: string;
}

/** `strongroom generate`: prints a new value that is kept nowhere. */
export function registerGenerate(program: Command, terminal: Terminal): void {
  const command = program
    .command('generate')
    .description('generate a value and print it; it is kept nowhere')
    .argument('[generator]', 'such as password, hex:32, rsa:3072, or a type of secrets', 'password')
    .option('--length <number>', 'so many characters of text', wholeNumber('--length', 1))
    .option('--characters <classes>', 'of these, such as lower+digit or [abc123]')
    .action(async (generator: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<GenerateOptions>();
      const made = await withSession(options, terminal, (session) =>
        session.secrets.generate({ generator: withLength(generator, options) }),
      );
      const values = made.fields === undefined ? [made.value] : Object.values(made.fields);
      try {
        show(made, values, terminal);
      } finally {
        for (const value of values) value.wipe();
      }
    });
  addExamples(
    command,
    'strongroom generate password --length 32',
    "strongroom generate 'template:sk_live_{32:alnum}'",
    'strongroom generate encryption_key',
  );
}

/** `--length` and `--characters` say what may stand after the first colon as well. */
function withLength(generator: string, { length, characters }: GenerateOptions): string {
  if (characters !== undefined) return `text:${length ?? 32}:${characters}`;
  return length === undefined ? generator : `${generator.split(':', 1)[0] ?? ''}:${length}`;
}

function show(made: GeneratedValue, values: readonly SecretValue[], terminal: Terminal): void {
  const { generator, entropyBits } = made;
  if (terminal.isJson) {
    const plain = (value: SecretValue): string => value.reveal();
    const shown =
      made.fields === undefined
        ? { value: plain(made.value) }
        : { fields: mapValues(made.fields, plain) };
    terminal.result({ generator, entropyBits, ...shown }, '');
    return;
  }
  for (const value of values) {
    const bytes = value.revealBytes();
    const isLine = bytes.at(-1) === LINE_FEED;
    terminal.write(bytes, () => wipe(bytes));
    if (!isLine) terminal.write('\n');
  }
  terminal.note(`${generator}: ${entropyBits} bits; it is kept nowhere`);
}

function mapValues<T, U>(
  record: Readonly<Record<string, T>>,
  of: (value: T) => U,
): Readonly<Record<string, U>> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, of(value)]));
}
