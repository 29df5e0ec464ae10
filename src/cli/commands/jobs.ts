import type { Command } from 'commander';

import type { WorkReport } from '../../core/due-work.ts';
import type { JobSummary } from '../../core/operations/jobs.ts';
import { formatAge } from '../age.ts';
import { EXIT } from '../exit-codes.ts';
import { formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withLocalVault, withSession, type GlobalOptions } from '../vault-access.ts';
import { allDue, dueTable } from './due.ts';

/** `strongroom jobs run|list`: work that comes due. */
export function registerJobs(program: Command, terminal: Terminal): void {
  const group = program
    .command('jobs')
    .description('work that comes due, and long work in batches');
  const run = group
    .command('run')
    .description('do all work that is due, once: for cron and timers')
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const report = await withLocalVault(options, terminal, async (session, vault) => {
        const { runDueWork, Scheduler } = await import('../../core/scheduler.ts');
        return runDueWork(session, new Scheduler(vault, Date.now));
      });
      showReport(report, terminal);
    });
  addExamples(run, 'strongroom jobs run');
  group
    .command('list')
    .alias('ls')
    .description('list jobs and how far they are, and what is due')
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const { workspace } = options;
      const { jobs, due } = await withSession(options, terminal, async (session) => ({
        jobs: await session.jobs.list(),
        due: await allDue(session, { workspace }),
      }));
      const tables = [
        ...(jobs.length === 0 ? [] : [jobTable(jobs)]),
        ...(due.length === 0 ? [] : [dueTable(due)]),
      ];
      terminal.result({ jobs, due }, tables.join('\n\n'));
      if (tables.length === 0 && !terminal.isJson) terminal.note('no jobs, and nothing is due');
    });
}

function showReport({ done, failures }: WorkReport, terminal: Terminal): void {
  const rows = [
    ...Object.entries(done).map(([task, count]) => [task, String(count), '']),
    ...failures.map(({ task, what, message }) => [task, 'failed', `${what}: ${message}`]),
  ];
  terminal.result({ done, failures }, formatTable(['work', 'done', ''], rows));
  if (failures.length > 0) process.exitCode = EXIT.failed;
}

function jobTable(jobs: readonly JobSummary[]): string {
  const now = Date.now();
  const rows = jobs.map((job) => [
    job.kind,
    job.workspace ?? '',
    job.state,
    `${job.done} of ${job.total}`,
    String(job.failed),
    formatAge(job.updatedAt, now),
  ]);
  return formatTable(['job', 'workspace', 'state', 'done', 'failed', 'when'], rows);
}
