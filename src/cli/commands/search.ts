import { Option, type Command } from 'commander';

import type {
  SearchSecretsInput,
  SecretFound,
  SecretsFound,
} from '../../core/operations/search-secrets.ts';
import { SECRET_TYPES, type SecretType } from '../../formats/secret-type.ts';
import { formatAge } from '../age.ts';
import { environmentOption, moment, wholeNumber } from '../option-values.ts';
import { PageBound } from '../page-bound.ts';
import { formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';

interface SearchOptions extends GlobalOptions {
  readonly environment?: string;
  readonly prefix?: string;
  readonly type?: SecretType;
  readonly tag?: string;
  /** `false`: those without one. */
  readonly owner?: string | false;
  readonly olderThan?: string;
  readonly newerThan?: string;
  readonly active?: boolean;
  readonly inactive?: boolean;
  readonly expired?: boolean;
  readonly limit?: number;
  readonly within?: string;
}

const PAGE = 1000;

/** `strongroom search TEXT`: secrets of all environments by name and by what is said about them. */
export function registerSearch(program: Command, terminal: Terminal): void {
  const command = program
    .command('search')
    .description('find secrets by name, tag, owner, type, age and state')
    .argument('[text]', 'a part of the name')
    .addOption(environmentOption('only in this environment; without it, in all'))
    .option('--prefix <text>', 'names that begin with this')
    .addOption(new Option('--type <type>', 'of this type').choices(SECRET_TYPES))
    .option('--tag <tag>', 'with this tag')
    .option('--owner <name>', 'this principal answers for it')
    .option('--no-owner', 'nobody answers for it')
    .option(
      '--older-than <time>',
      'last changed before: 90d, or a time',
      moment('--older-than', 'past'),
    )
    .option(
      '--newer-than <time>',
      'last changed since: 7d, or a time',
      moment('--newer-than', 'past'),
    )
    .addOption(new Option('--active', 'only what is given out').conflicts('inactive'))
    .option('--inactive', 'only what is not given out')
    .option('--expired', 'only what has expired')
    .option('--limit <number>', 'at most so many; without it, all', wholeNumber('--limit', 1))
    .action(async (text: string | undefined, _: object, command: Command) => {
      const options = command.optsWithGlobals<SearchOptions>();
      const { workspace, environment, prefix, type, tag } = options;
      const filter: SearchSecretsInput = {
        workspace,
        environment,
        text,
        prefix,
        type,
        tag,
        owner: options.owner === false ? null : options.owner,
        changedBefore: options.olderThan,
        changedAfter: options.newerThan,
        active: options.inactive === true ? false : options.active,
        expired: options.expired,
      };
      const found = await withSession(options, terminal, (session) =>
        collectPages((page) => session.secrets.search({ ...filter, ...page }), options.limit),
      );
      show(found, 'updated', terminal);
    });
  addExamples(
    command,
    'strongroom search stripe',
    'strongroom search --older-than 90d --type api_key -e production',
    'strongroom search --no-owner --json',
  );
}

/** `strongroom expiring`: what expires soon, the first to expire first. */
export function registerExpiring(program: Command, terminal: Terminal): void {
  const command = program
    .command('expiring')
    .description('list secrets that expire soon, or have expired')
    .addOption(environmentOption('only in this environment; without it, in all'))
    .option('--within <time>', 'until then: 30d, or a time', moment('--within', 'future'))
    .option('--limit <number>', 'at most so many; without it, all', wholeNumber('--limit', 1))
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<SearchOptions>();
      const { workspace, environment, limit } = options;
      const before = options.within ?? moment('--within', 'future')('30d');
      const found = await withSession(options, terminal, (session) =>
        collectPages(
          (page) => session.secrets.expiring({ workspace, environment, before, ...page }),
          limit,
        ),
      );
      show(found, 'expires', terminal);
    });
  addExamples(command, 'strongroom expiring --within 30d');
}

interface Page {
  readonly limit: number;
  readonly cursor: string | undefined;
}

/** What was found, and whether the limit kept some back. */
interface Found {
  readonly secrets: readonly SecretFound[];
  readonly hasMore: boolean;
}

async function collectPages(
  page: (at: Page) => Promise<SecretsFound>,
  limit: number = Number.POSITIVE_INFINITY,
): Promise<Found> {
  const secrets: SecretFound[] = [];
  const pages = new PageBound();
  let cursor: string | undefined;
  do {
    const found = await page({ limit: Math.min(PAGE, limit + 1 - secrets.length), cursor });
    secrets.push(...found.secrets);
    cursor = pages.after(found.next, found.secrets);
  } while (cursor !== undefined && secrets.length <= limit);
  return { secrets: secrets.slice(0, limit), hasMore: secrets.length > limit };
}

function show(found: Found, moment: 'updated' | 'expires', terminal: Terminal): void {
  const now = Date.now();
  const rows = found.secrets.map((secret) => [
    secret.environment,
    secret.path,
    secret.type,
    secret.ownerName ?? '-',
    moment === 'updated' ? formatAge(secret.updatedAt, now) : (secret.expiresAt ?? ''),
    notes(secret),
  ]);
  const headings = ['environment', 'name', 'type', 'owner', moment, ''];
  terminal.result(found, rows.length === 0 ? '' : formatTable(headings, rows));
  if (terminal.isJson) return;
  if (rows.length === 0) terminal.note('nothing was found that you may list');
  if (found.hasMore) terminal.note('there are more than --limit allows');
}

function notes({ isActive, isExpired, tags }: SecretFound): string {
  return [
    ...(isActive ? [] : ['inactive']),
    ...(isExpired ? ['expired'] : []),
    ...tags.map((tag) => `#${tag}`),
  ].join(' ');
}
