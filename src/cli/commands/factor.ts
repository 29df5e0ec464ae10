import type { Command } from 'commander';

import type { FactorSummary } from '../../core/operations/factors.ts';
import { locateServer } from '../server-target.ts';
import { cutLines, formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';

const TOKEN_VARIABLE = 'STRONGROOM_TOKEN';

/** `strongroom factor …`: what people prove who they are with. */
export function registerFactors(program: Command, terminal: Terminal): void {
  const group = program
    .command('factor')
    .description('passwords, codes and passkeys of people, without what they consist of');
  registerList(group, terminal);
  registerRemove(group, terminal);
}

function registerList(group: Command, terminal: Terminal): void {
  const command = group
    .command('list')
    .alias('ls')
    .description('list what somebody proves who they are with')
    .argument('[subject]', 'whose, such as user:bob; without it your own')
    .action(async (subject: string | undefined, _: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const factors = await withSession(options, terminal, (session) =>
        session.auth.listFactors({ subject }),
      );
      const table = formatTable(['kind', 'label', 'since', 'used', 'id'], factors.map(toRow));
      const isNone = factors.length === 0;
      terminal.result({ factors }, isNone ? '' : cutLines(table, terminal.width));
      if (isNone && !terminal.isJson) terminal.note('no factors: there is nothing to sign in with');
    });
  addExamples(command, 'strongroom factor list user:bob');
}

function registerRemove(group: Command, terminal: Terminal): void {
  const command = group
    .command('remove')
    .alias('rm')
    .description('take a factor away; sessions and tokens of whose it was end')
    .argument('<factor>', 'its id, from `strongroom factor list`')
    .argument('[subject]', 'whose, such as user:bob; without it your own')
    .action(async (factor: string, subject: string | undefined, _: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      await remove(options, terminal, { factor, subject });
      terminal.result({ factor }, '');
      if (!terminal.isJson) terminal.note(`took factor ${factor} away`);
    });
  addExamples(command, 'strongroom factor remove 01a20325-7a0e-7001-9d0e-6ac3d7a1f2b4 user:bob');
}

/** Over a server it takes a proof of just now; a session that goes on is kept. */
async function remove(
  options: GlobalOptions,
  terminal: Terminal,
  input: { readonly factor: string; readonly subject: string | undefined },
): Promise<void> {
  const server = locateServer(options);
  if (server === undefined) {
    await withSession(options, terminal, (session) => session.auth.removeFactor(input));
    return;
  }
  const { withProof } = await import('../prove-again.ts');
  const { session: token } = await withProof(server, terminal, {}, (session) =>
    session.auth.removeFactor(input),
  );
  const isKept = (process.env[TOKEN_VARIABLE] ?? '') === '' && server.profile !== undefined;
  if (token === null || !isKept) return;
  const { keepSession } = await import('../session-store.ts');
  keepSession(server.profile ?? '', token.reveal());
}

function toRow({ kind, label, confirmedAt, usedAt, left, id }: FactorSummary): readonly string[] {
  const name = left === null ? kind : `${kind} (${left} left)`;
  return [name, label ?? '', confirmedAt ?? 'not confirmed', usedAt ?? 'never', id];
}
