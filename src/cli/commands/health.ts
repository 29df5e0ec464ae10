import type { Command } from 'commander';

import type { Health } from '../../core/operations/read-health.ts';
import { formatAge } from '../age.ts';
import { EXIT } from '../exit-codes.ts';
import { formatFacts } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';

/** `strongroom health`: how the vault is. Fails if its database is damaged. */
export function registerHealth(program: Command, terminal: Terminal): void {
  const command = program
    .command('health')
    .description('say how the vault is')
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const health = await withSession(options, terminal, (session) => session.health.read());
      terminal.result(health, facts(health));
      if (health.status !== 'ok') process.exitCode = EXIT.failed;
    });
  addExamples(command, 'strongroom health', 'strongroom health --json');
}

function facts(health: Health): string {
  const now = Date.now();
  return formatFacts({
    status: health.status,
    damage: health.damage.length === 0 ? undefined : health.damage.join('; '),
    vault: health.vault,
    created: formatAge(health.createdAt, now),
    secrets: String(health.secrets),
    workspaces: String(health.workspaces),
    database: `${Math.ceil(health.databaseBytes / 1024)} KiB, schema ${health.schema}`,
    'audit entries': `${health.auditEntries}, signed up to ${health.checkpointSize}${
      health.checkpointAt === undefined ? '' : ` ${formatAge(health.checkpointAt, now)}`
    }`,
    slots: health.slots.map(({ kind }) => kind).join(', '),
  });
}
