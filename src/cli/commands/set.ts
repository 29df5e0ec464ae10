import { readFileSync } from 'node:fs';

import type { Command } from 'commander';

import type { ValueInput } from '../../domain/secrets/value.ts';
import { StrongroomError } from '../../errors.ts';
import { SECRET_TYPES, type SecretType } from '../../formats/secret-type.ts';
import { SecretValue } from '../../secret-value.ts';
import type { Terminal } from '../terminal.ts';
import { environmentOf, withSession, type GlobalOptions } from '../vault-access.ts';

interface SetOptions extends GlobalOptions {
  readonly environment?: string;
  readonly file?: string;
  readonly field?: string;
  readonly binary?: boolean;
  readonly type?: string;
  readonly tag?: readonly string[];
  readonly description?: string;
  readonly expires?: string;
  readonly cas?: number;
}

/** `strongroom set NAME`: makes a secret or gives it a new version; the value comes from a prompt, standard input or a file. */
export function registerSet(program: Command, terminal: Terminal): void {
  program
    .command('set')
    .description('make a secret, or give it a new version')
    .argument('<name>', 'path of the secret')
    .argument('[value]', 'the value: visible to others; leave it out to be asked')
    .option('-e, --environment <name>', 'environment')
    .option('-f, --file <file>', 'take the value from a file')
    .option('--field <name>', 'set one field')
    .option('--binary', 'keep the input as bytes, not as text')
    .option('--type <type>', `one of ${SECRET_TYPES.join(', ')}`)
    .option('--tag <tag...>', 'tags, instead of those there are')
    .option('--description <text>', 'description, kept encrypted')
    .option('--expires <time>', 'expiry, such as 2027-01-31T00:00:00Z')
    .option('--cas <version>', 'only if this is the current version (0: none)', Number)
    .action(async (path: string, argument: string | undefined, _: object, command: Command) => {
      const options = command.optsWithGlobals<SetOptions>();
      const environment = environmentOf(options.environment, options, terminal);
      using value = await readValue(path, argument, options, terminal);
      const written = await withSession(options, terminal, (session) =>
        session.secrets.write({
          workspace: options.workspace,
          environment,
          path,
          value: asInput(value, options.field),
          type: typeNamed(options.type),
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

/**
 * The type that was named.
 *
 * @throws {@link StrongroomError} `usage`.
 */
function typeNamed(type: string | undefined): SecretType | undefined {
  if (type === undefined) return undefined;
  const known = SECRET_TYPES.find((each) => each === type);
  if (known !== undefined) return known;
  throw new StrongroomError('usage', 'that is not a type of secret', {
    hint: `it is one of ${SECRET_TYPES.join(', ')}`,
  });
}
