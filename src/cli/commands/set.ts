import { Option, type Command } from 'commander';

import type { Override, OverrideSecretInput } from '../../core/operations/overrides.ts';
import type { WriteSecretInput } from '../../core/operations/write-secret.ts';
import type { Session } from '../../core/session.ts';
import type { SecretAccess } from '../../domain/access/secret-grants.ts';
import { pathFault } from '../../domain/secrets/path.ts';
import type { ValueInput } from '../../domain/secrets/value.ts';
import { StrongroomError } from '../../errors.ts';
import { guessType } from '../../formats/guess-type.ts';
import { SECRET_TYPES, type SecretType } from '../../formats/secret-type.ts';
import { wipe } from '../../lib/bytes.ts';
import { SecretValue } from '../../secret-value.ts';
import { secretAccess } from '../access-words.ts';
import { collect } from '../global-options.ts';
import { environmentOption, moment, wholeNumber } from '../option-values.ts';
import { textOf } from '../read-secret.ts';
import { readFile } from '../read-text-file.ts';
import { noteReferences } from '../reference-note.ts';
import { setGenerated } from '../set-generated.ts';
import { similarName } from '../suggest.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { environmentOf, settleKeys, withSession, type GlobalOptions } from '../vault-access.ts';

type Keys = Awaited<ReturnType<typeof settleKeys>>;

/** Where a value comes from. */
interface ValueOptions {
  readonly file?: string;
  readonly binary?: boolean;
}

interface SetOptions extends GlobalOptions, ValueOptions {
  readonly environment?: string;
  readonly generate?: string | true;
  readonly rotation?: string;
  readonly generator?: string;
  readonly field?: string;
  readonly removeField?: readonly string[];
  readonly type?: SecretType;
  readonly tag?: readonly string[];
  readonly description?: string;
  readonly expires?: string;
  readonly access?: readonly SecretAccess[];
  readonly cas?: number;
  readonly references?: boolean;
  readonly personal?: boolean;
}

/** What is said of a secret, and not of a value that is somebody's own. */
const NOT_PERSONAL: string[] = [
  'field',
  'removeField',
  'type',
  'tag',
  'description',
  'expires',
  'access',
  'cas',
  'references',
  'rotation',
  'generator',
];

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
    .option('--remove-field <name>', 'leave a field out from now on; once for each', collect)
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
      '--access <subject=rights>',
      'rights on it alone, instead of those given on it; once for each subject',
      secretAccess,
    )
    .option(
      '--cas <version>',
      'only if this is the current version (0: none)',
      wholeNumber('--cas', 0),
    )
    .addOption(
      new Option(
        '--generate [generator]',
        'generate the value, such as password:24, and show it to nobody; alone, as its type has it',
      ).conflicts(['file', 'binary', 'references', 'personal']),
    )
    .option('--generator <generator>', 'how `rotate` generates new values')
    .option('--rotation <policy>', "when to rotate: auto_90_days, 'every 45d', manual")
    .option('--references', 'let ${db/PASSWORD} in it stand for another secret')
    .addOption(
      new Option('--personal', 'for you alone, instead of what all others have').conflicts(
        NOT_PERSONAL,
      ),
    )
    .action(async (path: string, argument: string | undefined, _: object, command: Command) => {
      await set(path, argument, command.optsWithGlobals<SetOptions>(), terminal);
    });
  addExamples(
    command,
    'strongroom set STRIPE_KEY -e production',
    'printf %s "$value" | strongroom set STRIPE_KEY -e production',
    'strongroom set tls/key --file server.key --type certificate',
    "strongroom set db/PASSWORD --generate --access 'role:payments=read,list'",
  );
}

async function set(
  path: string,
  argument: string | undefined,
  options: SetOptions,
  terminal: Terminal,
): Promise<void> {
  requireName(path);
  const environment = environmentOf(options.environment, options, terminal);
  const attributes = attributesOf(path, environment, options);
  if (options.generate !== undefined) {
    if (argument !== undefined) throw valueAndGenerator(path);
    const { generate: generator, field } = options;
    await setGenerated({ input: attributes, generator, field }, options, terminal);
    return;
  }
  // A value that was typed or pasted must not be lost to a wrong key.
  const isAsked = argument === undefined && options.file === undefined && terminal.canAsk;
  const keys = isAsked ? await settleKeys(options, terminal) : undefined;
  using value = await readValue(path, argument, options, terminal);
  await requireWillingness(value, terminal);
  if (options.personal === true) {
    await setPersonal(
      { workspace: options.workspace, environment, path, value },
      options,
      terminal,
      keys,
    );
    return;
  }
  const write = async (session: Session): Promise<Written> => {
    const written = await session.secrets.write({
      ...attributes,
      value: asInput(value, options.field),
      references: options.references,
    });
    if (!written.created || terminal.isJson) return { written, near: undefined };
    const at = { workspace: options.workspace, environment, path };
    return { written, near: await similarName(session, at) };
  };
  const { written, near } = await withSession(options, terminal, write, { keys });
  const verb = written.created ? 'made' : 'changed';
  terminal.result(written, '');
  if (!terminal.isJson)
    terminal.note(`${verb} ${path} in ${environment}, version ${written.version}`);
  for (const warning of written.warnings) terminal.warn(warning);
  if (near !== undefined) terminal.note(`it is new; there is ${near} too`);
  if (options.references === undefined) noteReferences(value, terminal);
  if (options.expires !== undefined && Date.parse(options.expires) <= Date.now()) {
    terminal.warn(`${path} has expired already, by what --expires says`);
  }
}

/** What is said besides the value. */
function attributesOf(
  path: string,
  environment: string,
  options: SetOptions,
): Omit<WriteSecretInput, 'value'> {
  return {
    workspace: options.workspace,
    environment,
    path,
    type: options.type,
    typeIfNew: guessType(path.split('/').at(-1) ?? path),
    tags: options.tag,
    removeFields: options.removeField,
    description: options.description,
    expiresAt: options.expires,
    access: options.access,
    rotation: options.rotation,
    generator: options.generator,
    cas: options.cas,
  };
}

async function setPersonal(
  input: OverrideSecretInput,
  options: SetOptions,
  terminal: Terminal,
  keys: Keys,
): Promise<void> {
  const set = (session: Session): Promise<Override> => session.secrets.override(input);
  const override = await withSession(options, terminal, set, { keys });
  terminal.result(override, '');
  if (terminal.isJson) return;
  terminal.note(
    `${input.path} in ${input.environment} is your own now: nobody else has this value`,
  );
}

function valueAndGenerator(path: string): StrongroomError {
  return new StrongroomError('usage', '--generate takes no value beside it', {
    hint: `strongroom set ${path} --generate`,
  });
}

interface Written {
  readonly written: Awaited<ReturnType<Session['secrets']['write']>>;
  /** A name so like it that this one may be a typing error. */
  readonly near: string | undefined;
}

/** Before anybody is asked for a value. What was typed is repeated only where it looks like a variable's name. */
function requireName(path: string): void {
  const fault = pathFault(path);
  if (fault === undefined) return;
  if (!path.includes('=')) throw fault;
  const name = /^[A-Z][A-Z0-9_]{0,63}(?==)/.exec(path)?.[0] ?? 'NAME';
  throw new StrongroomError('invalid_name', 'the name and the value are not joined with =', {
    hint: `strongroom set ${name}, then the value on standard input or when asked`,
  });
}

/** An empty value is a mistake more often than not. */
async function requireWillingness(value: SecretValue, terminal: Terminal): Promise<void> {
  if (value.byteLength() > 0 || (await terminal.confirm('The value is empty. Set it?', false)))
    return;
  throw new StrongroomError('usage', 'the value is empty, so nothing was changed', {
    hint: 'if that is meant, say --yes',
  });
}

/** Reads a value from the argument, a file, a prompt or standard input. The caller wipes it. */
export async function readValue(
  path: string,
  argument: string | undefined,
  options: ValueOptions,
  terminal: Terminal,
): Promise<SecretValue> {
  if (argument !== undefined) {
    terminal.warn('a value in an argument can be seen in the shell history and by other users');
    return SecretValue.text(argument);
  }
  if (options.file !== undefined) return fromBytes(readFile(options.file), options);
  if (terminal.canAsk) return terminal.askSecret(`Value of ${path}`);
  return fromBytes(await terminal.readInput(), options);
}

/** Makes a value of what came from a pipe or a file, and wipes that. */
function fromBytes(bytes: Uint8Array, { binary }: ValueOptions): SecretValue {
  try {
    return binary === true ? SecretValue.bytes(bytes) : textOf(bytes);
  } catch (error) {
    if (!(error instanceof StrongroomError) || error.code !== 'not_text') throw error;
    throw new StrongroomError('not_text', 'the value is not UTF-8 text', {
      hint: 'use --binary to keep it as bytes',
    });
  } finally {
    wipe(bytes);
  }
}

function asInput(value: SecretValue, field: string | undefined): ValueInput {
  return field === undefined ? value : { [field]: value };
}
