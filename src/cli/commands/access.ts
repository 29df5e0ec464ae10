import type { Command } from 'commander';

import type { GrantSummary } from '../../core/operations/grant-view.ts';
import {
  addConditionOptions,
  capabilitiesOf,
  conditionsOf,
  scopeOf,
  wholeResource,
  wholeVaultOption,
  type ConditionOptions,
  type ScopeOptions,
} from '../access-words.ts';
import { everyPage } from '../page-bound.ts';
import { cutLines, formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession } from '../vault-access.ts';
import { registerExplain, registerWhoCan } from './access-explain.ts';
import { registerReplay, registerTest } from './access-files.ts';

/** `strongroom access …`: who may do what, and why. */
export function registerAccess(program: Command, terminal: Terminal): void {
  const group = program.command('access').description('who may do what, and why');
  registerRule(group, terminal, 'grant');
  registerRule(group, terminal, 'deny');
  registerRevoke(group, terminal);
  registerList(group, terminal);
  registerExplain(group, terminal);
  registerWhoCan(group, terminal);
  registerTest(group, terminal);
  registerReplay(group, terminal);
}

function registerRule(group: Command, terminal: Terminal, verb: 'grant' | 'deny'): void {
  const command = group
    .command(verb)
    .description(
      verb === 'grant' ? 'allow somebody something' : 'deny somebody something, whatever allows it',
    )
    .argument('<subject>', 'user:NAME, machine:NAME, group:NAME or role:NAME')
    .argument('<capabilities>', 'list, read, write, delete, rotate, admin; several with commas')
    .argument('<pattern>', "environment and path, as in 'production/**'; * is one segment")
    .addOption(wholeVaultOption());
  addConditionOptions(command);
  command.action(async (...given: readonly unknown[]) => {
    const command = given.at(-1) as Command;
    const [subject = '', can = '', pattern = ''] = command.args;
    const options = command.optsWithGlobals<ScopeOptions & ConditionOptions>();
    const input = { subject, can: capabilitiesOf(can), conditions: conditionsOf(options) };
    const made = await withSession(options, terminal, async (session) =>
      session.access[verb]({ ...input, pattern: await wholeResource(session, pattern, options) }),
    );
    terminal.result(made, '');
    const what = verb === 'grant' ? 'may' : 'may not';
    terminal.note(
      `${made.subject} ${what} ${made.can.join(', ')} ${made.pattern} (grant ${made.id})`,
    );
    for (const warning of made.warnings) terminal.warn(warning);
  });
  addExamples(
    command,
    `strongroom access ${verb} role:payments read 'production/payments/**'`,
    `strongroom access ${verb} user:alice list,read 'staging/**' --cidr 10.0.0.0/8`,
    `strongroom access ${verb} group:ops rotate '*/production/**' --whole-vault`,
  );
}

function registerRevoke(group: Command, terminal: Terminal): void {
  const command = group
    .command('revoke')
    .description('take an allow or a denial away')
    .argument('<grant>', 'its id, from `strongroom access list`')
    .action(async (grant: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<ScopeOptions>();
      const gone = await withSession(options, terminal, (session) =>
        session.access.revoke({ grant }),
      );
      terminal.result(gone, '');
      terminal.note(
        `revoked: ${gone.effect} ${gone.subject} ${gone.can.join(', ')} ${gone.pattern}`,
      );
    });
  addExamples(command, 'strongroom access revoke 01a20325-7a0e-7001-9d0e-6ac3d7a1f2b4');
}

function registerList(group: Command, terminal: Terminal): void {
  const command = group
    .command('list')
    .alias('ls')
    .description('list rules of a workspace, or all')
    .argument('[subject]', 'only rules about this one, such as role:payments')
    .addOption(wholeVaultOption())
    .action(async (subject: string | undefined, _: object, command: Command) => {
      const options = command.optsWithGlobals<ScopeOptions>();
      const asked = { subject, ...scopeOf(options), limit: 1000 };
      const grants = await withSession(options, terminal, (session) =>
        everyPage(async (cursor) => {
          const { grants: items, next } = await session.access.list({ ...asked, cursor });
          return { items, next };
        }),
      );
      show(grants, terminal);
    });
  addExamples(command, 'strongroom access list', 'strongroom access list role:payments');
}

function show(grants: readonly GrantSummary[], terminal: Terminal): void {
  const rows = grants.map((each) => [
    each.subject,
    each.effect,
    each.can.join(','),
    each.pattern === '' ? '(in the trash)' : each.pattern,
    each.conditions === null ? '' : 'conditions',
    each.id,
  ]);
  const table = formatTable(['subject', 'effect', 'can', 'pattern', 'when', 'grant'], rows);
  terminal.result({ grants }, grants.length === 0 ? '' : cutLines(table, terminal.width));
  if (grants.length === 0) terminal.note('no rules; --whole-vault lists those of the vault too');
}
