import type { Command } from 'commander';

import type { AccessToSecret } from '../../core/operations/secret-accesses.ts';
import type { Session } from '../../core/session.ts';
import { formatAge } from '../age.ts';
import { environmentOption, wholeNumber } from '../option-values.ts';
import { firstItems } from '../page-bound.ts';
import { withSuggestion } from '../suggest.ts';
import { cutLines, formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { environmentOf, withSession, type GlobalOptions } from '../vault-access.ts';

interface AuditSecretOptions extends GlobalOptions {
  readonly environment?: string;
  readonly limit: number;
}

/** What `audit secret --json` prints, newest first. */
interface Listed {
  readonly entries: readonly AccessToSecret[];
  /** Whether there may be older ones. */
  readonly hasMore: boolean;
}

const PAGE_MAX = 1000;
const LIMIT_DEFAULT = 100;

/** `strongroom audit secret NAME`: what was done with one secret, under whatever name it had then. */
export function registerAuditSecret(group: Command, terminal: Terminal): void {
  const command = group
    .command('secret')
    .description('list what was done with one secret, and by whom, wherever it was then')
    .argument('<secret>', 'its name now, also in the trash')
    .addOption(environmentOption())
    .option('--limit <number>', 'at most so many', wholeNumber('--limit', 1), LIMIT_DEFAULT)
    .action(async (path: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<AuditSecretOptions>();
      const environment = environmentOf(options.environment, options, terminal);
      const at = { workspace: options.workspace, environment, path };
      const listed = await withSession(options, terminal, (session) =>
        withSuggestion(session, at, () => newestOf(session, at, options.limit)),
      );
      show(listed, terminal);
    });
  addExamples(command, 'strongroom audit secret STRIPE_KEY -e production');
}

async function newestOf(
  session: Session,
  at: Parameters<typeof withSuggestion>[1],
  limit: number,
): Promise<Listed> {
  const place = { ...at, environment: at.environment ?? '' };
  const { items: entries, hasMore } = await firstItems(
    limit,
    async (before: number | undefined, missing) => {
      const page = Math.min(PAGE_MAX, missing);
      const found = await session.secrets.accesses({ ...place, limit: page, before });
      return { items: found.entries, next: found.next };
    },
  );
  return { entries, hasMore };
}

function show(listed: Listed, terminal: Terminal): void {
  const { entries, hasMore } = listed;
  terminal.result(listed, entries.length === 0 ? '' : cutLines(table(entries), terminal.width));
  if (terminal.isJson) return;
  if (entries.length === 0) terminal.note('nothing is on record that you may see');
  if (hasMore)
    terminal.note(`there may be older entries: --limit shows more than ${entries.length}`);
}

function table(entries: readonly AccessToSecret[]): string {
  const now = Date.now();
  const rows = entries.map(({ id, createdAt, userId, action, ipAddress, details }) => [
    String(id),
    formatAge(createdAt, now),
    String(details['actor_name'] ?? userId ?? ''),
    action,
    outcomeOf(details),
    nameOf(details),
    ipAddress ?? '',
  ]);
  return formatTable(['entry', 'when', 'who', 'action', 'outcome', 'about', 'from'], rows);
}

function outcomeOf({ outcome, reason }: AccessToSecret['details']): string {
  return outcome === 'ok' ? 'ok' : `${outcome ?? ''} ${reason ?? ''}`.trim();
}

/** Where it was, and which version of it. */
function nameOf({ environment, path, version }: AccessToSecret['details']): string {
  const place = [environment, path].filter((part) => part !== undefined).join('/');
  return version === undefined ? place : `${place} v${version}`;
}
