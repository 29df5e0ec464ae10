import { Option, type Command } from 'commander';

import type { JsonValue } from '../../domain/secrets/metadata.ts';
import { StrongroomError } from '../../errors.ts';
import { SECRET_TYPES, type SecretType } from '../../formats/secret-type.ts';
import { collect } from '../global-options.ts';
import { environmentOption, moment, wholeNumber } from '../option-values.ts';
import { withSuggestion } from '../suggest.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { environmentOf, withSession, type GlobalOptions } from '../vault-access.ts';

interface UpdateOptions extends GlobalOptions {
  readonly environment?: string;
  readonly type?: SecretType;
  readonly tag?: readonly string[];
  readonly addTag?: readonly string[];
  readonly removeTag?: readonly string[];
  readonly description?: string;
  readonly usage?: string;
  /** `false`: nobody. */
  readonly owner?: string | false;
  readonly meta?: readonly string[];
  readonly removeMeta?: readonly string[];
  /** `false`: never. */
  readonly expires?: string | false;
  readonly activate?: boolean;
  readonly deactivate?: boolean;
  readonly removeField?: readonly string[];
  readonly rotation?: string;
  /** `false`: somebody gives new values. */
  readonly generator?: string | false;
  readonly cas?: number;
}

/** `strongroom update NAME`: changes what is said about a secret, one thing at a time; its value stays. */
export function registerUpdate(program: Command, terminal: Terminal): void {
  const command = program
    .command('update')
    .description('change what is said about a secret; its value stays')
    .argument('<secret>', 'its name')
    .addOption(environmentOption())
    .addOption(new Option('--type <type>', 'its type').choices(SECRET_TYPES))
    .option('--tag <tag>', 'tag it, instead of with the tags it has; once for each tag', collect)
    .option('--add-tag <tag>', 'add a tag; once for each', collect)
    .option('--remove-tag <tag>', 'take a tag away; once for each', collect)
    .option('--description <text>', 'description, kept encrypted')
    .option('--usage <text>', 'what it is for and where it is used, kept encrypted')
    .option('--owner <name>', 'who answers for it')
    .option('--no-owner', 'nobody answers for it')
    .option('--meta <key=value>', 'a member of your own, kept encrypted; once for each', collect)
    .option('--remove-meta <key>', 'take a member away; once for each', collect)
    .option(
      '--expires <time>',
      'expiry: 90d, or 2027-01-31T00:00:00Z',
      moment('--expires', 'future'),
    )
    .option('--no-expires', 'it never expires')
    .addOption(new Option('--activate', 'give it out again').conflicts('deactivate'))
    .option('--deactivate', 'do not give it out any more')
    .option('--remove-field <name>', 'a new version without a field; once for each', collect)
    .option('--rotation <policy>', "when to rotate: auto_90_days, 'every 45d', manual")
    .option('--generator <generator>', 'how `rotate` generates new values')
    .option('--no-generator', 'somebody gives new values')
    .option('--cas <version>', 'only if this is the current version', wholeNumber('--cas', 1))
    .action(async (path: string, _: object, command: Command) => {
      await update(path, command.optsWithGlobals<UpdateOptions>(), terminal);
    });
  addExamples(
    command,
    'strongroom update STRIPE_KEY -e production --owner ada --add-tag billing',
    'strongroom update STRIPE_KEY -e production --meta ticket=OPS-17 --usage "checkout service"',
    'strongroom update STRIPE_KEY -e staging --deactivate',
  );
}

async function update(path: string, options: UpdateOptions, terminal: Terminal): Promise<void> {
  const environment = environmentOf(options.environment, options, terminal);
  const { workspace, type, tag, addTag, removeTag, description, usage } = options;
  const changed = await withSession(options, terminal, (session) =>
    withSuggestion(session, { workspace, environment, path }, () =>
      session.secrets.update({
        workspace,
        environment,
        path,
        type,
        tags: tag,
        addTags: addTag,
        removeTags: removeTag,
        description,
        usage,
        owner: options.owner === false ? null : options.owner,
        metadata: metadataOf(options),
        expiresAt: options.expires === false ? null : options.expires,
        active: activeOf(options),
        removeFields: options.removeField,
        rotation: options.rotation,
        generator: options.generator === false ? null : options.generator,
        cas: options.cas,
      }),
    ),
  );
  terminal.result(changed, '');
  if (terminal.isJson) return;
  terminal.note(`changed ${path} in ${environment}, version ${changed.version}`);
  if (options.deactivate === true) terminal.note('it is not given out until it is activated');
}

function activeOf({ activate, deactivate }: UpdateOptions): boolean | undefined {
  if (activate === true) return true;
  return deactivate === true ? false : undefined;
}

/** Members to set, and `null` for those to take away. */
function metadataOf({
  meta = [],
  removeMeta = [],
}: UpdateOptions): Readonly<Record<string, JsonValue>> | undefined {
  if (meta.length + removeMeta.length === 0) return undefined;
  const members = meta.map((text): readonly [string, JsonValue] => {
    const at = text.indexOf('=');
    if (at < 1) {
      throw new StrongroomError('usage', '--meta takes a key and a value, joined with =', {
        hint: 'as in --meta ticket=OPS-17',
      });
    }
    return [text.slice(0, at), jsonOr(text.slice(at + 1))];
  });
  const removed = removeMeta.map((key): readonly [string, JsonValue] => [key, null]);
  return Object.fromEntries([...members, ...removed]);
}

/** JSON where it is some, else the text itself; `null` is a text here, as it would take the member away. */
function jsonOr(text: string): JsonValue {
  try {
    return (JSON.parse(text) as JsonValue) ?? text;
  } catch {
    return text;
  }
}
