import { readFileSync } from 'node:fs';

import { Option, type Command } from 'commander';

import type { ValueInput } from '../../domain/secrets/value.ts';
import { StrongroomError } from '../../errors.ts';
import { guessType } from '../../formats/guess-type.ts';
import { SECRET_TYPES, type SecretType } from '../../formats/secret-type.ts';
import { SecretValue } from '../../secret-value.ts';
import { collect } from '../global-options.ts';
import { environmentOption, moment, wholeNumber } from '../option-values.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { environmentOf, withSession, type GlobalOptions } from '../vault-access.ts';

interface SetOptions extends GlobalOptions {
  readonly environment?: string;
  readonly file?: string;
  readonly field?: string;
  readonly binary?: boolean;
  readonly type?: SecretType;
  readonly tag?: readonly string[];
  readonly description?: string;
  readonly expires?: string;
  readonly cas?: number;
}

/** `strongroom set NAME`: makes a secret or gives it a new version; the value comes from a prompt, standard input or a file. */
export function registerSet(program: Command, terminal: Terminal): void {
  const command = program
    .command('set')
    .description('make a secret, or give it a new version')
    .argument('<secret>', 'its name')
    .argument('[value]', 'the value: visible to others; leave it out to be asked')
    .addOption(environmentOption())
    .option('-f, --file <file>', 'take the value from a file')
    .option('--field <name>', 'set one field')
    .option('--binary', 'keep the input as bytes, not as text')
    .addOption(
      new Option('--type <type>', 'its type; a new one is guessed from the name').choices(
        SECRET_TYPES,
      ),
    )
    .option('--tag <tag>', 'tag it, instead of with the tags it has; once for each tag', collect)
    .option('--description <text>', 'description, kept encrypted')
    .option(
      '--expires <time>',
      'expiry: 90d, or 2027-01-31T00:00:00Z',
      moment('--expires', 'future'),
    )
    .option(
      '--cas <version>',
      'only if this is the current version (0: none)',
      wholeNumber('--cas', 0),
    )
    .action(async (path: string, argument: string | undefined, _: object, command: Command) => {
      const options = command.optsWithGlobals<SetOptions>();
      const environment = environmentOf(options.environment, options, terminal);
      using value = await readValue(path, argument, options, terminal);
      await requireWillingness(value, terminal);
      const written = await withSession(options, terminal, (session) =>
        session.secrets.write({
          workspace: options.workspace,
          environment,
          path,
          value: asInput(value, options.field),
          type: options.type,
          typeIfNew: guessType(path.split('/').at(-1) ?? path),
          tags: options.tag,
          description: options.description,
          expiresAt: options.expires,
          cas: options.cas,
        }),
      );
      const verb = written.created ? 'made' : 'changed';
      terminal.result(written, '');
      if (!terminal.isJson)
        terminal.note(`${verb} ${path} in ${environment}, version ${written.version}`);
    });
  addExamples(
    command,
    'strongroom set STRIPE_KEY -e production',
    'printf %s "$value" | strongroom set STRIPE_KEY -e production',
    'strongroom set tls/key --file server.key --type certificate',
  );
}

/** An empty value is a mistake more often than not. */
async function requireWillingness(value: SecretValue, terminal: Terminal): Promise<void> {
  if (value.byteLength() > 0 || (await terminal.confirm('The value is empty. Set it?', false)))
    return;
  throw new StrongroomError('usage', 'the value is empty, so nothing was changed', {
    hint: 'if that is meant, say --yes',
  });
}

async function readValue(
  path: string,
  argument: string | undefined,
  options: SetOptions,
  terminal: Terminal,
): Promise<SecretValue> {
  if (argument !== undefined) {
    terminal.note('a value in an argument can be seen in the shell history and by other users');
    return SecretValue.text(argument);
  }
  if (options.file !== undefined) return fromBytes(readFile(options.file), options);
  if (terminal.canAsk) return terminal.askSecret(`Value of ${path}`);
  return fromBytes(await terminal.readInput(), options);
}

/** Text from a pipe or a file loses the one line end that `echo` and editors add. */
function fromBytes(bytes: Uint8Array, { binary }: SetOptions): SecretValue {
  if (binary === true) return SecretValue.bytes(bytes);
  const end = bytes.at(-1) === 0x0a ? (bytes.at(-2) === 0x0d ? -2 : -1) : bytes.length;
  try {
    return SecretValue.fromUtf8(new Uint8Array(bytes.subarray(0, end)));
  } catch (error) {
    if (!(error instanceof StrongroomError) || error.code !== 'not_text') throw error;
    throw new StrongroomError('not_text', 'the value is not UTF-8 text', {
      hint: 'use --binary to keep it as bytes',
    });
  }
}

function readFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new StrongroomError('file_not_found', `the file ${path} cannot be read`, { cause });
  }
}

function asInput(value: SecretValue, field: string | undefined): ValueInput {
  return field === undefined ? value : { [field]: value };
}
