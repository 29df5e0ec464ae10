import type { Command } from 'commander';

import type { SecretStatistics } from '../../core/operations/statistics.ts';
import { environmentOption } from '../option-values.ts';
import { formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';

/** `strongroom statistics`: numbers over the secrets that the caller may list. */
export function registerStatistics(program: Command, terminal: Terminal): void {
  const command = program
    .command('statistics')
    .alias('stats')
    .description('count secrets by environment, type and state')
    .addOption(environmentOption('only of this environment; without it, of all'))
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions & { readonly environment?: string }>();
      const { workspace, environment } = options;
      const statistics = await withSession(options, terminal, (session) =>
        session.secrets.statistics({ workspace, environment }),
      );
      terminal.result(statistics, table(statistics));
    });
  addExamples(command, 'strongroom statistics', 'strongroom statistics -e production --json');
}

function table({ environments }: SecretStatistics): string {
  const headings = [
    'environment',
    'secrets',
    'versions',
    'never read',
    'no owner',
    'inactive',
    'expired',
    'expiring',
    'rotation due',
  ];
  const rows = environments.map((it) => [
    it.environment,
    ...[
      it.secrets,
      it.versions,
      it.neverRead,
      it.withoutOwner,
      it.inactive,
      it.expired,
      it.expiringSoon,
      it.rotationDue,
    ].map(String),
  ]);
  const kinds = environments.flatMap(({ environment, byType }) =>
    Object.entries(byType).map(([type, count]) => [environment, type, String(count)]),
  );
  const parts = [formatTable(headings, rows)];
  if (kinds.length > 0) parts.push(formatTable(['environment', 'type', 'secrets'], kinds));
  return parts.join('\n\n');
}
