import type { Command } from 'commander';

import type { Membership, SetDescription, SetSummary } from '../../core/operations/set-view.ts';
import type { Session } from '../../core/session.ts';
import { scopeOf, wholeVaultOption, type ScopeOptions } from '../access-words.ts';
import { everyPage } from '../page-bound.ts';
import { formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession } from '../vault-access.ts';

/** `strongroom group …`: several principals as one. */
export function registerGroups(program: Command, terminal: Terminal): void {
  const group = program.command('group').description('groups of users, machines and groups');
  registerSets(group, terminal, GROUP);
}

/** `strongroom role …`: named sets of rules. */
export function registerRoles(program: Command, terminal: Terminal): void {
  const group = program.command('role').description('roles: sets of rules with a name');
  registerSets(group, terminal, ROLE);
}

interface Input {
  readonly name: string;
  readonly workspace?: string | undefined;
  readonly wholeVault?: boolean | undefined;
}

/** What differs between groups and roles. */
interface Kind {
  readonly word: 'group' | 'role';
  readonly example: string;
  readonly made: string;
  readonly create: (session: Session, input: Input) => Promise<SetSummary>;
  readonly rename: (
    session: Session,
    input: Input & { readonly to: string },
  ) => Promise<SetSummary>;
  readonly remove: (session: Session, input: Input) => Promise<SetSummary>;
  readonly describe: (session: Session, input: Input) => Promise<SetDescription>;
  readonly list: (
    session: Session,
    input: Omit<Input, 'name'> & { readonly cursor: string | undefined },
  ) => Promise<{ readonly sets: readonly SetSummary[]; readonly next: string | undefined }>;
  readonly join: Change;
  readonly leave: Change;
}

interface Change {
  readonly verb: string;
  readonly description: string;
  readonly done: string;
  readonly run: (
    session: Session,
    input: Input & { readonly member: string },
  ) => Promise<{ readonly member: string }>;
}

const LIMIT = 1000;

const GROUP: Kind = {
  word: 'group',
  example: 'ops',
  made: 'put somebody into it with `strongroom group add`',
  create: (session, input) => session.groups.create(input),
  rename: (session, input) => session.groups.rename(input),
  remove: (session, input) => session.groups.remove(input),
  describe: (session, input) => session.groups.describe(input),
  list: (session, input) => session.groups.list({ ...input, limit: LIMIT }),
  join: {
    verb: 'add',
    description: 'put a user, machine or group into a group',
    done: 'is in',
    run: (session, input) => session.groups.add(input),
  },
  leave: {
    verb: 'drop',
    description: 'take somebody out of a group',
    done: 'is no longer in',
    run: (session, input) => session.groups.drop(input),
  },
};

const ROLE: Kind = {
  word: 'role',
  example: 'payments',
  made: 'say what it allows with `strongroom access grant`',
  create: (session, input) => session.roles.create(input),
  rename: (session, input) => session.roles.rename(input),
  remove: (session, input) => session.roles.remove(input),
  describe: (session, input) => session.roles.describe(input),
  list: (session, input) => session.roles.list({ ...input, limit: LIMIT }),
  join: {
    verb: 'assign',
    description: 'give a user, machine or group a role',
    done: 'has',
    run: (session, input) => session.roles.assign(input),
  },
  leave: {
    verb: 'unassign',
    description: 'take a role from somebody',
    done: 'no longer has',
    run: (session, input) => session.roles.unassign(input),
  },
};

function registerSets(group: Command, terminal: Terminal, kind: Kind): void {
  registerCreate(group, terminal, kind);
  registerList(group, terminal, kind);
  registerDescribe(group, terminal, kind);
  registerRename(group, terminal, kind);
  registerRemove(group, terminal, kind);
  for (const change of [kind.join, kind.leave]) registerChange(group, terminal, { kind, change });
}

function registerCreate(group: Command, terminal: Terminal, kind: Kind): void {
  const command = group
    .command('create')
    .description(`make a ${kind.word}`)
    .argument('<name>', 'letters of a to z, digits and ._-')
    .addOption(wholeVaultOption())
    .action(async (name: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<ScopeOptions>();
      const input = { name, ...scopeOf(options) };
      const made = await withSession(options, terminal, (session) => kind.create(session, input));
      terminal.result(made, '');
      terminal.note(`made ${kind.word}:${name}; ${kind.made}`);
    });
  addExamples(command, `strongroom ${kind.word} create ${kind.example}`);
}

function registerList(group: Command, terminal: Terminal, kind: Kind): void {
  group
    .command('list')
    .alias('ls')
    .description(`list ${kind.word}s`)
    .addOption(wholeVaultOption())
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<ScopeOptions>();
      const found = await withSession(options, terminal, (session) =>
        everyPage(async (cursor) => {
          const { sets: items, next } = await kind.list(session, { ...scopeOf(options), cursor });
          return { items, next };
        }),
      );
      const rows = found.map((each) => [
        each.name,
        each.isBuiltIn ? 'built in' : (each.workspace ?? 'whole vault'),
        String(each.members),
      ]);
      const json = { [`${kind.word}s`]: found };
      terminal.result(json, formatTable(['name', 'of', 'members'], rows));
    });
}

function registerDescribe(group: Command, terminal: Terminal, kind: Kind): void {
  const command = group
    .command('describe')
    .description(`tell who is in a ${kind.word}, and what comes with it`)
    .argument('<name>', 'its name')
    .addOption(wholeVaultOption())
    .action(async (name: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<ScopeOptions>();
      const input = { name, ...scopeOf(options) };
      const found = await withSession(options, terminal, (session) =>
        kind.describe(session, input),
      );
      const membership = (word: string, { subject, workspace }: Membership): string[] => [
        word,
        subject,
        workspace ?? 'whole vault',
      ];
      const rows = [
        ...found.members.map((each) => membership('member', each)),
        ...found.memberOf.map((each) => membership('is in', each)),
        ...found.grants.map(({ effect, can, pattern }) => [effect, can.join(','), pattern]),
      ];
      terminal.result(found, formatTable(['what', 'who or how', 'where'], rows));
    });
  addExamples(command, `strongroom ${kind.word} describe ${kind.example}`);
}

function registerRename(group: Command, terminal: Terminal, kind: Kind): void {
  const command = group
    .command('rename')
    .description(`give a ${kind.word} another name; what it gives stays`)
    .argument('<name>', 'its name')
    .argument('<new-name>', 'letters of a to z, digits and ._-')
    .addOption(wholeVaultOption())
    .action(async (name: string, to: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<ScopeOptions>();
      const input = { name, to, ...scopeOf(options) };
      const renamed = await withSession(options, terminal, (session) =>
        kind.rename(session, input),
      );
      terminal.result(renamed, '');
      terminal.note(`${kind.word}:${name} is ${kind.word}:${to} now`);
    });
  addExamples(command, `strongroom ${kind.word} rename ${kind.example} ${kind.example}-eu`);
}

function registerRemove(group: Command, terminal: Terminal, kind: Kind): void {
  const command = group
    .command('remove')
    .description(`take a ${kind.word} away, and what it gave`)
    .argument('<name>', 'its name')
    .addOption(wholeVaultOption())
    .action(async (name: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<ScopeOptions>();
      const input = { name, ...scopeOf(options) };
      const removed = await withSession(options, terminal, (session) =>
        kind.remove(session, input),
      );
      terminal.result(removed, '');
      terminal.note(`removed ${kind.word}:${name}`);
    });
  addExamples(command, `strongroom ${kind.word} remove ${kind.example}`);
}

function registerChange(
  group: Command,
  terminal: Terminal,
  { kind, change }: { readonly kind: Kind; readonly change: Change },
): void {
  const command = group
    .command(change.verb)
    .description(change.description)
    .argument('<name>', `the ${kind.word}`)
    .argument('<member>', 'user:NAME, machine:NAME or group:NAME')
    .addOption(wholeVaultOption())
    .action(async (name: string, member: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<ScopeOptions>();
      const input = { name, member, ...scopeOf(options) };
      const changed = await withSession(options, terminal, (session) => change.run(session, input));
      terminal.result(changed, '');
      terminal.note(`${changed.member} ${change.done} ${kind.word}:${name}`);
    });
  addExamples(command, `strongroom ${kind.word} ${change.verb} ${kind.example} user:alice`);
}
