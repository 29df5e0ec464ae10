import { Option, type Command } from 'commander';

import type { QueryAuditInput } from '../../core/operations/audit.ts';
import type { Session } from '../../core/session.ts';
import type { AuditEntry, Outcome } from '../../domain/audit/entry.ts';
import { formatAge } from '../age.ts';
import { environmentOption, moment, wholeNumber } from '../option-values.ts';
import { firstItems } from '../page-bound.ts';
import { cutLines, formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';

interface AuditListOptions extends GlobalOptions {
  readonly secret?: string;
  readonly environment?: string;
  readonly actor?: string;
  readonly action?: string;
  readonly outcome?: Outcome;
  readonly since?: string;
  readonly until?: string;
  readonly limit: number;
  readonly all?: boolean;
}

/** What `audit list --json` prints: entries as they stand in the log, newest first. */
interface Listed {
  readonly entries: readonly AuditEntry[];
  /** Whether there may be older ones that fit. */
  readonly hasMore: boolean;
}

const PAGE_MAX = 1000;
const PAGE_MIN = 100;
const LIMIT_DEFAULT = 100;
/** Every command makes both of these. */
const OPENINGS: ReadonlySet<string> = new Set(['vault.unseal', 'vault.seal']);
const OUTCOMES: readonly Outcome[] = ['ok', 'denied', 'failed'];

/** `strongroom audit list`: the newest entries. */
export function registerAuditList(group: Command, terminal: Terminal): void {
  const command = group
    .command('list')
    .alias('ls')
    .description('list entries, newest first, of all environments unless one is named')
    .option('--secret <secret>', 'about this secret')
    .addOption(environmentOption('about this environment'))
    .option('--actor <principal>', 'by this principal')
    .option('--action <action>', 'of this kind, such as secrets.read')
    .addOption(new Option('--outcome <outcome>', 'that ended so').choices(OUTCOMES))
    .option(
      '--since <time>',
      'from then on: 7d, 12h, 30m or an RFC 3339 time',
      moment('--since', 'past'),
    )
    .option('--until <time>', 'before then', moment('--until', 'past'))
    .option('--all', 'also each opening and closing of the vault')
    .option('--limit <number>', 'at most so many', wholeNumber('--limit', 1), LIMIT_DEFAULT)
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<AuditListOptions>();
      const {
        secret: path,
        environment,
        workspace,
        actor,
        action,
        outcome,
        since,
        until,
      } = options;
      const filter = { path, environment, workspace, actor, action, outcome, since, until };
      const listed = await withSession(options, terminal, (session) =>
        newestEntries(session, filter, options),
      );
      show(listed, terminal);
    });
  addExamples(
    command,
    'strongroom audit list --secret STRIPE_KEY',
    'strongroom audit list --since 7d --outcome denied',
    'strongroom audit list --all',
  );
}

async function newestEntries(
  session: Session,
  filter: QueryAuditInput,
  { limit, all }: Pick<AuditListOptions, 'limit' | 'all'>,
): Promise<Listed> {
  const isWhole = all === true || filter.action !== undefined;
  const { items: entries, hasMore } = await firstItems(
    limit,
    async (before: number | undefined, missing) => {
      const page = Math.min(PAGE_MAX, isWhole ? missing : PAGE_MIN + limit);
      const found = await session.audit.query({ ...filter, limit: page, before });
      const isShown = ({ action }: AuditEntry): boolean => isWhole || !OPENINGS.has(action);
      return { items: found.entries.filter(isShown), next: found.next };
    },
  );
  return { entries, hasMore };
}

function show(listed: Listed, terminal: Terminal): void {
  const { entries, hasMore } = listed;
  terminal.result(listed, entries.length === 0 ? '' : cutLines(table(entries), terminal.width));
  if (terminal.isJson) return;
  if (entries.length === 0) terminal.note('no entries that fit');
  if (hasMore)
    terminal.note(`there may be older entries: --limit shows more than ${entries.length}`);
}

function table(entries: readonly AuditEntry[]): string {
  const now = Date.now();
  const rows = entries.map((entry) => [
    String(entry.seq),
    formatAge(entry.time, now),
    entry.actor_name ?? entry.actor ?? '',
    entry.action,
    entry.environment ?? '',
    entry.outcome === 'ok' ? 'ok' : [entry.outcome, entry.reason].join(' '),
    subjectOf(entry),
  ]);
  return formatTable(['entry', 'when', 'who', 'action', 'environment', 'outcome', 'about'], rows);
}

function subjectOf({ path, version, detail }: AuditEntry): string {
  if (path === undefined) return detail ?? '';
  return version === undefined ? path : `${path} v${version}`;
}
