import type { Command } from 'commander';

import type { Health, SlotHealth } from '../../core/operations/read-health.ts';
import { formatAge } from '../age.ts';
import { EXIT } from '../exit-codes.ts';
import { formatFacts } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';

interface HealthOptions extends GlobalOptions {
  readonly deep?: boolean;
}

/** Work that is due is done within minutes. */
const LATE_MS = 15 * 60_000;

/** `strongroom health`: how the vault is. With `--deep` it fails if the database is damaged. */
export function registerHealth(program: Command, terminal: Terminal): void {
  const command = program
    .command('health')
    .description('say how the vault is')
    .option('--deep', 'also check the structure of the database, which reads all of it')
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<HealthOptions>();
      const { deep } = options;
      const health = await withSession(options, terminal, (session) =>
        session.health.read({ deep }),
      );
      terminal.result(health, facts(health));
      if (health.status !== 'ok') process.exitCode = EXIT.failed;
    });
  addExamples(command, 'strongroom health', 'strongroom health --deep', 'strongroom health --json');
}

function facts(health: Health): string {
  const now = Date.now();
  const age = (time: string): string => formatAge(time, now);
  return formatFacts({
    status: health.isDeep ? `${health.status}, structure checked` : health.status,
    damage: health.damage.length === 0 ? undefined : health.damage.join('; '),
    vault: health.vault,
    created: age(health.createdAt),
    secrets: `${health.secrets}${places(health)}`,
    types: joined(Object.entries(health.byType)),
    expiring: `${health.expiringSoon} in 30 days, ${health.expired} expired`,
    'rotation due': String(health.rotationDue),
    'never read': `${health.neverRead}${
      health.entriesNotCounted === 0
        ? ''
        : `, without the newest ${health.entriesNotCounted} audit entries`
    }`,
    trash: String(health.trash),
    workspaces: String(health.workspaces),
    database: `${Math.ceil(health.databaseBytes / 1024)} KiB, schema ${health.schema}`,
    'audit entries': `${health.auditEntries}, signed up to ${health.checkpointSize}${
      health.checkpointAt === undefined ? '' : ` ${age(health.checkpointAt)}`
    }`,
    slots: health.slots.map(({ kind }) => kind).join(', '),
    'oldest proof': slot(health.oldestUnprovenSlot, age),
    backup: backupFact(health, age),
  });
}

/** In which environments the secrets are, as far as there are any. */
function places({ byWorkspace }: Health): string {
  const filled = byWorkspace.flatMap(({ workspace, environments }) =>
    environments
      .filter(({ secrets }) => secrets > 0)
      .map(({ environment, secrets }): readonly [string, number] => [
        byWorkspace.length === 1 ? environment : `${workspace}/${environment}`,
        secrets,
      ]),
  );
  return filled.length === 0 ? '' : `: ${joined(filled)}`;
}

function joined(counts: readonly (readonly [string, number])[]): string | undefined {
  if (counts.length === 0) return undefined;
  return counts.map(([name, count]) => `${name} ${count}`).join(', ');
}

function slot(of: SlotHealth | undefined, age: (time: string) => string): string | undefined {
  if (of === undefined) return undefined;
  return of.provenAt === null
    ? `${of.kind}, made ${age(of.createdAt)}, not proven since`
    : `${of.kind}, proven ${age(of.provenAt)}`;
}

/** What is said of backups. */
export function backupFact(
  {
    backupAt,
    backupProvenAt,
    backupDueAt,
  }: Pick<Health, 'backupAt' | 'backupProvenAt' | 'backupDueAt'>,
  age: (time: string) => string,
): string {
  const proof = backupProvenAt === undefined ? 'never restored' : `restored ${age(backupProvenAt)}`;
  const made = backupAt === undefined ? 'none' : `${age(backupAt)}, ${proof}`;
  const isLate = backupDueAt !== undefined && Date.parse(backupDueAt) + LATE_MS < Date.now();
  return isLate ? `${made}; one was due ${age(backupDueAt)} and was not made` : made;
}
