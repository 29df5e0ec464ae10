import type { Command } from 'commander';

import type { DueSecret } from '../../core/operations/due-secrets.ts';
import type { Session } from '../../core/session.ts';
import { parseDuration } from '../../lib/duration.ts';
import { StrongroomError } from '../../errors.ts';
import { formatAge } from '../age.ts';
import { environmentOption } from '../option-values.ts';
import { everyPage } from '../page-bound.ts';
import { formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';

interface DueOptions extends GlobalOptions {
  readonly environment?: string;
  readonly within?: string;
}

const PAGE = 1000;
/** Two days. */
const NEAR_MS = 172_800_000;

/** `strongroom due`: which secrets are to be rotated. */
export function registerDue(program: Command, terminal: Terminal): void {
  const command = program
    .command('due')
    .description('list secrets that are due for rotation, the most urgent first')
    .addOption(environmentOption('environment; without it, all of them'))
    .option('--within <duration>', 'also those that are due by then, such as 7d', duration)
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<DueOptions>();
      const { workspace, environment, within } = options;
      const secrets = await withSession(options, terminal, (session) =>
        allDue(session, { workspace, environment, within }),
      );
      terminal.result({ secrets }, secrets.length === 0 ? '' : dueTable(secrets));
      if (secrets.length > 0 || terminal.isJson) return;
      terminal.note(within === undefined ? 'nothing is due' : `nothing is due within ${within}`);
    });
  addExamples(command, 'strongroom due --within 7d');
}

/** Every secret that is due, page by page. */
export async function allDue(
  session: Session,
  input: Omit<NonNullable<Parameters<Session['secrets']['due']>[0]>, 'limit' | 'cursor'>,
): Promise<readonly DueSecret[]> {
  return everyPage(async (cursor) => {
    const { secrets: items, next } = await session.secrets.due({ ...input, limit: PAGE, cursor });
    return { items, next };
  });
}

/** Due secrets as a table. */
export function dueTable(secrets: readonly DueSecret[]): string {
  const now = Date.now();
  const rows = secrets.map((secret) => [
    secret.environment,
    secret.path,
    `${secret.isOverdue ? 'overdue since ' : ''}${dayOrTime(secret.dueAt, now)}`,
    secret.rotatedAt === null ? 'never' : formatAge(secret.rotatedAt, now),
    secret.rotation,
    secret.generator ?? 'none',
  ]);
  return formatTable(['environment', 'name', 'due', 'rotated', 'policy', 'generator'], rows);
}

/** A day, and near it also the time. */
function dayOrTime(time: string, now: number): string {
  const day = time.slice(0, 10);
  const isNear = Math.abs(Date.parse(time) - now) < NEAR_MS;
  return isNear ? `${day} ${time.slice(11, 16)}Z` : day;
}

function duration(text: string): string {
  if (parseDuration(text) !== undefined) return text;
  throw new StrongroomError('usage', '--within takes a duration', {
    hint: 'as in --within 7d (also 12h, 30m)',
  });
}
