import type { Command } from 'commander';

import {
  addAllOption,
  addMethodCommands,
  addSessionOptions,
  allMethods,
  limitsOf,
  showCredentials,
  showOnce,
  type CredentialListOptions,
  type LimitOptions,
} from '../machine-words.ts';
import { wholeNumber } from '../option-values.ts';
import { splitNames } from '../split-names.ts';
import { cutLines, formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';

interface RoleOptions extends LimitOptions {
  readonly name?: string;
  readonly secretIdTtl?: string;
  readonly secretIdUses?: number;
}

interface SecretIdOptions extends GlobalOptions {
  readonly label?: string;
  readonly ttl?: string;
  readonly uses?: number;
  readonly cidr?: readonly string[];
}

/** `strongroom approle …`: machines that sign in by a role id and a secret id. */
export function registerAppRoles(program: Command, terminal: Terminal): void {
  const group = program
    .command('approle')
    .description('machines that sign in by a role id and a secret id');
  registerRole(group, terminal, 'create');
  registerRole(group, terminal, 'update');
  registerList(group, terminal);
  registerSecretId(group, terminal);
  registerSecretIds(group, terminal);
  registerRevoke(group, terminal);
  addMethodCommands(group, {
    word: 'the role',
    terminal,
    change: (verb, name, command) =>
      withSession(command.optsWithGlobals<GlobalOptions>(), terminal, (session) =>
        session.methods[verb]({ kind: 'approle', name }),
      ),
  });
}

function registerRole(group: Command, terminal: Terminal, verb: 'create' | 'update'): void {
  const isNew = verb === 'create';
  const command = group
    .command(verb)
    .description(
      isNew ? 'let a machine sign in this way' : 'set a role up anew, all of it; its id stays',
    )
    .argument('<name>', isNew ? 'the machine' : 'the role')
    .option('--secret-id-ttl <duration>', 'longest life of a secret id (default: no end)')
    .option(
      '--secret-id-uses <number>',
      'most uses of a secret id (default: any number)',
      wholeNumber('--secret-id-uses', 1),
    );
  if (isNew) command.option('--name <role>', 'name of the role (default: that of the machine)');
  addSessionOptions(command).action(async (name: string, _: object, command: Command) => {
    const options = command.optsWithGlobals<RoleOptions>();
    const { secretIdTtl, secretIdUses } = options;
    const rules = { ...limitsOf(options), secretIdTtl, secretIdUses };
    const role = await withSession(options, terminal, (session) =>
      isNew
        ? session.approle.create({ machine: name, name: options.name, ...rules })
        : session.approle.update({ name, ...rules }),
    );
    terminal.result(role, role.roleId);
    if (terminal.isJson) return;
    terminal.note(
      `role ${role.name} signs ${role.subject ?? ''} in; above is its role id, which is no secret`,
    );
  });
  addExamples(
    command,
    ...(isNew
      ? [
          'strongroom approle create billing --secret-id-ttl 24h --secret-id-uses 10',
          'strongroom approle create billing --name billing-eu --cidr 10.2.0.0/16 --can read',
        ]
      : ['strongroom approle update billing --session-ttl 15m']),
  );
}

function registerList(group: Command, terminal: Terminal): void {
  const command = group
    .command('list')
    .alias('ls')
    .description('list roles')
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const roles = await withSession(options, terminal, (session) =>
        allMethods(session, ['approle']),
      );
      const rows = roles.map(({ name, subject, disabledAt, config }) => [
        name,
        subject ?? '',
        disabledAt === null ? 'active' : 'disabled',
        String(config['role_id']),
      ]);
      const table = formatTable(['role', 'signs in', 'state', 'role id'], rows);
      terminal.result({ roles }, roles.length === 0 ? '' : cutLines(table, terminal.width));
      if (roles.length === 0 && !terminal.isJson) terminal.note('no roles');
    });
  addExamples(command, 'strongroom approle list');
}

function registerSecretId(group: Command, terminal: Terminal): void {
  const command = group
    .command('secret-id')
    .description('make a secret id and print it once; it is kept nowhere')
    .argument('<role>', 'the role')
    .option('--label <text>', 'who it is handed to')
    .option('--ttl <duration>', 'how long it lives, at most as long as the role says')
    .option('--uses <number>', 'how often it can be used', wholeNumber('--uses', 1))
    .option('--cidr <networks>', "only from these networks, within the role's", splitNames)
    .action(async (role: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<SecretIdOptions>();
      const { label, ttl, uses, cidr } = options;
      const { secretId, ...made } = await withSession(options, terminal, (session) =>
        session.approle.newSecretId({ role, label, ttl, uses, cidr }),
      );
      showOnce(terminal, { made, name: 'secretId', text: secretId });
      if (terminal.isJson) return;
      const end = made.expiresAt === null ? 'it never expires' : `it expires ${made.expiresAt}`;
      terminal.note(`secret id ${made.id} of role ${role}; ${end}; it is not shown again`);
    });
  addExamples(command, 'strongroom approle secret-id billing --label host-7 --uses 1 --ttl 1h');
}

function registerSecretIds(group: Command, terminal: Terminal): void {
  const command = group
    .command('secret-ids')
    .description('list secret ids of a role, without what they are used with')
    .argument('<role>', 'the role');
  addAllOption(command).action(async (role: string, _: object, command: Command) => {
    const { all, ...options } = command.optsWithGlobals<CredentialListOptions>();
    const found = await withSession(options, terminal, (session) =>
      session.approle.listSecretIds({ role }),
    );
    showCredentials(terminal, found, { all, none: 'the role has no secret ids' });
  });
  addExamples(command, 'strongroom approle secret-ids billing');
}

function registerRevoke(group: Command, terminal: Terminal): void {
  const command = group
    .command('revoke')
    .description('end a secret id, and the sessions that it gave, at once')
    .argument('<role>', 'the role')
    .argument('<id>', 'its id, from `strongroom approle secret-ids`')
    .action(async (role: string, id: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const gone = await withSession(options, terminal, (session) =>
        session.approle.revokeSecretId({ role, id }),
      );
      terminal.result(gone, '');
      if (!terminal.isJson) terminal.note(`revoked secret id ${gone.id} of role ${role}`);
    });
  addExamples(command, 'strongroom approle revoke billing 01a20325-7a0e-7001-9d0e-6ac3d7a1f2b4');
}
