import { Option, type Command } from 'commander';

import type { SecretSummary } from '../../core/operations/secret-view.ts';
import { SECRET_TYPES, type SecretType } from '../../formats/secret-type.ts';
import { formatAge } from '../age.ts';
import { environmentOption, wholeNumber } from '../option-values.ts';
import { listSecrets, type Listed } from '../read-environment.ts';
import { formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { environmentOf, withSession, type GlobalOptions } from '../vault-access.ts';

interface ListOptions extends GlobalOptions {
  readonly environment?: string;
  readonly allEnvironments?: boolean;
  readonly prefix?: string;
  readonly type?: SecretType;
  readonly tag?: string;
  readonly limit?: number;
}

/** `strongroom list`: names and what is known of them, without values. */
export function registerList(program: Command, terminal: Terminal): void {
  const command = program
    .command('list')
    .alias('ls')
    .description('list secrets, without their values')
    .addOption(environmentOption().conflicts('allEnvironments'))
    .option('-a, --all-environments', 'in every environment')
    .option('--prefix <text>', 'names that begin with this, such as payments/')
    .addOption(new Option('--type <type>', 'of this type').choices(SECRET_TYPES))
    .option('--tag <tag>', 'with this tag')
    .option('--limit <number>', 'at most so many; without it, all', wholeNumber('--limit', 1))
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<ListOptions>();
      const { workspace, prefix, type, tag, limit } = options;
      const environment =
        options.allEnvironments === true
          ? undefined
          : environmentOf(options.environment, options, terminal);
      const filter = { workspace, environment, prefix, type, tag };
      const listed = await withSession(options, terminal, (session) =>
        listSecrets(session, filter, limit),
      );
      const isNarrowed = [prefix, type, tag].some((each) => each !== undefined);
      show(listed, { environment, isNarrowed }, terminal);
    });
  addExamples(
    command,
    'strongroom list --all-environments',
    'strongroom list -e production --prefix payments/',
  );
}

function show(
  listed: Listed,
  {
    environment,
    isNarrowed,
  }: { readonly environment: string | undefined; readonly isNarrowed: boolean },
  terminal: Terminal,
): void {
  const { secrets, hasMore } = listed;
  terminal.result(listed, secrets.length === 0 ? '' : table(secrets, environment === undefined));
  if (terminal.isJson) return;
  const place = environment === undefined ? '' : ` in ${environment}`;
  if (secrets.length === 0) terminal.note(`no secrets${place}${isNarrowed ? ' that fit' : ''}`);
  if (hasMore) terminal.note('there are more than --limit allows');
}

function table(secrets: readonly SecretSummary[], isAcross: boolean): string {
  const now = Date.now();
  const rows = secrets.map((secret) => [
    ...(isAcross ? [secret.environment] : []),
    secret.path,
    secret.type,
    String(secret.version),
    formatAge(secret.updatedAt, now),
    notes(secret),
  ]);
  const headings = ['name', 'type', 'version', 'updated', ''];
  return formatTable(isAcross ? ['environment', ...headings] : headings, rows);
}

/** What is not so for most: tags, and an expiry. */
function notes({ tags, expiresAt, isExpired }: SecretSummary): string {
  const expiry =
    expiresAt === null ? [] : [isExpired ? 'expired' : `until ${expiresAt.slice(0, 10)}`];
  return [...expiry, ...tags.map((tag) => `#${tag}`)].join(' ');
}
