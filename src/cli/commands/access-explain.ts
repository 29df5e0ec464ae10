import type { Command } from 'commander';

import type { AccessExplained, ExplainInput } from '../../core/operations/access-explain.ts';
import type { Capability } from '../../domain/access/capability.ts';
import { wholeResource, type ScopeOptions } from '../access-words.ts';
import { everyPage } from '../page-bound.ts';
import { pastMoment } from '../past-moment.ts';
import { formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession } from '../vault-access.ts';

interface ExplainOptions extends ScopeOptions {
  readonly ip?: string;
  readonly userAgent?: string;
  readonly mfa?: boolean;
  readonly at?: string;
}

/** `strongroom access explain WHO WHAT WHERE`. */
export function registerExplain(group: Command, terminal: Terminal): void {
  const command = group
    .command('explain')
    .description('tell which rule decides whether somebody may do something')
    .argument('<principal>', 'a user or machine')
    .argument('<capability>', 'list, read, write, delete, rotate or admin')
    .argument('<resource>', 'environment and path, such as production/db/PASSWORD, or sys/audit')
    .option('--ip <address>', 'as if from this address')
    .option('--user-agent <text>', 'as if by this program')
    .option('--mfa', 'as if with a second factor')
    .option('--no-mfa', 'as if without a second factor')
    .option('--at <time>', 'as if then, such as 2026-03-01T12:00', pastMoment('--at'))
    .action(async (...given: readonly unknown[]) => {
      const command = given.at(-1) as Command;
      const [principal = '', can = '', text = ''] = command.args;
      const options = command.optsWithGlobals<ExplainOptions>();
      const { ip, userAgent, mfa, at } = options;
      const stated = { ip, userAgent, mfa, at };
      const input: Omit<ExplainInput, 'resource'> = {
        principal,
        capability: can as Capability,
        ...(Object.values(stated).some((each) => each !== undefined)
          ? { circumstances: stated }
          : {}),
      };
      const found = await withSession(options, terminal, async (session) =>
        session.access.explain({ ...input, resource: await wholeResource(session, text, options) }),
      );
      terminal.result(found, wordsOf(found));
    });
  addExamples(
    command,
    'strongroom access explain alice read production/db/PASSWORD',
    'strongroom access explain ci write staging/db/HOST --ip 10.1.2.3',
  );
}

/** `strongroom access who-can WHAT WHERE`. */
export function registerWhoCan(group: Command, terminal: Terminal): void {
  const command = group
    .command('who-can')
    .description('list who may do something, and by which rule')
    .argument('<capability>', 'list, read, write, delete, rotate or admin')
    .argument('<resource>', 'environment and path, such as production/db/PASSWORD, or sys/audit')
    .action(async (can: string, text: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<ScopeOptions>();
      const holders = await withSession(options, terminal, async (session) => {
        const resource = await wholeResource(session, text, options);
        const asked = { capability: can as Capability, resource, limit: 1000 };
        return everyPage(async (cursor) => {
          const { holders: items, next } = await session.access.whoCan({ ...asked, cursor });
          return { items, next };
        });
      });
      const rows = holders.map(({ principal, rule, isConditional }) => [
        principal,
        rule.through.length === 0 ? 'directly' : rule.through.join(' '),
        rule.pattern,
        isConditional ? 'under conditions' : '',
      ]);
      terminal.result({ holders }, formatTable(['who', 'through', 'pattern', 'when'], rows));
      if (holders.length === 0) terminal.note('nobody may');
    });
  addExamples(command, 'strongroom access who-can read production/db/PASSWORD');
}

function wordsOf(found: AccessExplained): string {
  const { principal, allowed, capability, resource, reason, conditional, suggestion } = found;
  const lines = [`${principal} ${allowed ? 'may' : 'may not'} ${capability} ${resource}`, reason];
  for (const each of conditional) {
    lines.push(`under conditions: grant ${each.id}: ${JSON.stringify(each.conditions)}`);
  }
  if (suggestion !== undefined) lines.push(`the smallest grant that would allow it: ${suggestion}`);
  return lines.join('\n');
}
