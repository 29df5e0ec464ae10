import type { Command } from 'commander';

import type { Session } from '../../core/session.ts';
import { everyPage } from '../page-bound.ts';
import { plainText } from '../plain-value.ts';
import { formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';

/** `strongroom user …`: people. */
export function registerUsers(program: Command, terminal: Terminal): void {
  registerPrincipals(program, terminal, { word: 'user', of: (session) => session.users });
}

/** `strongroom machine …`: services and jobs. */
export function registerMachines(program: Command, terminal: Terminal): void {
  registerPrincipals(program, terminal, { word: 'machine', of: (session) => session.machines });
}

interface Kind {
  readonly word: 'user' | 'machine';
  readonly of: (session: Session) => Session['machines'];
}

function registerPrincipals(program: Command, terminal: Terminal, kind: Kind): void {
  const { word, of } = kind;
  const group = program
    .command(word)
    .description(word === 'user' ? 'people who use the vault' : 'services that use the vault');
  const one = (
    verb: 'create' | 'disable' | 'enable' | 'remove',
    description: string,
    done: (name: string) => string,
  ): void => {
    const command = group
      .command(verb)
      .description(description)
      .argument('<name>', 'its name')
      .action(async (name: string, _: object, command: Command) => {
        const options = command.optsWithGlobals<GlobalOptions>();
        const found = await withSession(options, terminal, (session) =>
          of(session)[verb]({ name }),
        );
        terminal.result(found, '');
        terminal.note(done(name));
      });
    addExamples(command, `strongroom ${word} ${verb} ${word === 'user' ? 'alice' : 'ci'}`);
  };
  one(
    'create',
    `make a ${word}, without rights`,
    (name) =>
      `made ${word}:${name}; give it rights with \`strongroom role assign\` or \`strongroom access grant\``,
  );
  registerList(group, terminal, kind);
  registerRename(group, terminal, kind);
  if (word === 'user') registerInvite(group, terminal);
  one('disable', 'let it act no more', (name) => `${word}:${name} may not act any more`);
  one(
    'enable',
    'let it act again',
    (name) => `${word}:${name} may act again; its sessions and tokens from before stay void`,
  );
  one(
    'remove',
    'take it away for good, with all its rights',
    (name) => `removed ${word}:${name}; another one of that name begins without rights`,
  );
}

function registerInvite(group: Command, terminal: Terminal): void {
  const command = group
    .command('invite')
    .description('print an invite, with which a user chooses a password, once')
    .argument('<name>', 'its name')
    .option('--ttl <duration>', 'how long it is good, such as 1h; three days at most')
    .action(async (name: string, _: object, command: Command) => {
      const { ttl, ...options } = command.optsWithGlobals<
        GlobalOptions & { readonly ttl?: string }
      >();
      const invited = await withSession(options, terminal, (session) =>
        session.users.invite({ name, ttl }),
      );
      const invite = plainText(invited.invite);
      terminal.result({ ...invited, invite }, invite);
      terminal.note(
        `whoever has this chooses the password of user:${name}, once, until ${invited.expiresAt}`,
      );
    });
  addExamples(command, 'strongroom user invite alice');
}

function registerList(group: Command, terminal: Terminal, { word, of }: Kind): void {
  group
    .command('list')
    .alias('ls')
    .description(`list ${word}s`)
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const principals = await withSession(options, terminal, (session) =>
        everyPage(async (cursor) => {
          const { principals: items, next } = await of(session).list({ limit: 1000, cursor });
          return { items, next };
        }),
      );
      const rows = principals.map(({ name, disabledAt, id }) => [
        name,
        disabledAt === null ? 'active' : 'disabled',
        id,
      ]);
      terminal.result({ principals }, formatTable(['name', 'state', 'id'], rows));
    });
}

function registerRename(group: Command, terminal: Terminal, { word, of }: Kind): void {
  const command = group
    .command('rename')
    .description('give it another name; it keeps its rights')
    .argument('<name>', 'its name')
    .argument('<new-name>', 'its new name')
    .action(async (name: string, to: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const found = await withSession(options, terminal, (session) =>
        of(session).rename({ name, to }),
      );
      terminal.result(found, '');
      terminal.note(`${word}:${name} is ${word}:${to} now`);
    });
  addExamples(
    command,
    `strongroom ${word} rename ${word === 'user' ? 'alice alice.l' : 'ci ci-main'}`,
  );
}
