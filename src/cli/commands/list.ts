import { Option, type Command } from 'commander';

import type { EffectiveSecret } from '../../core/operations/resolve-secret.ts';
import type { SecretSummary } from '../../core/operations/secret-view.ts';
import { SECRET_TYPES, type SecretType } from '../../formats/secret-type.ts';
import { formatAge } from '../age.ts';
import { environmentOption, wholeNumber } from '../option-values.ts';
import { pastMoment } from '../past-moment.ts';
import { listSecrets, type Listed } from '../read-environment.ts';
import { listEffective, sourceNote } from '../list-effective.ts';
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
  readonly at?: string;
  readonly effective?: boolean;
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
    .option('--at <time>', 'what was there then, such as yesterday', pastMoment('--at'))
    .addOption(
      new Option('--effective', 'with what it inherits and what you have of your own').conflicts([
        'allEnvironments',
        'limit',
        'at',
      ]),
    )
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<ListOptions>();
      const { workspace, prefix, type, tag, limit, at } = options;
      const environment =
        options.allEnvironments === true
          ? undefined
          : environmentOf(options.environment, options, terminal);
      const filter = { workspace, environment, prefix, type, tag };
      const listed = await withSession(options, terminal, async (session) =>
        environment !== undefined && options.effective === true
          ? { secrets: await listEffective(session, { ...filter, environment }), hasMore: false }
          : listSecrets(session, { ...filter, at }, limit),
      );
      const isNarrowed = [prefix, type, tag].some((each) => each !== undefined);
      show(listed, { environment, isNarrowed }, terminal);
    });
  addExamples(
    command,
    'strongroom list --all-environments',
    'strongroom list -e production --prefix payments/',
    'strongroom list -e production --at yesterday',
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

/** What is not so for most: that it is not given out, tags, and an expiry. */
function notes(secret: SecretSummary | EffectiveSecret): string {
  const { tags, expiresAt, isExpired } = secret;
  const state = 'isActive' in secret && !secret.isActive ? ['inactive'] : [];
  const source = 'from' in secret ? sourceNote(secret) : undefined;
  const expiry =
    expiresAt === null ? [] : [isExpired ? 'expired' : `expires ${expiresAt.slice(0, 10)}`];
  const said = [...state, ...expiry].join(', ');
  return [
    ...(source === undefined ? [] : [source]),
    ...(said.length > 0 ? [said] : []),
    ...tags.map((tag) => `#${tag}`),
  ].join(' ');
}
