import type { Command } from 'commander';

import type { FactorSummary, TotpConfirmed } from '../../core/operations/factors.ts';
import type { Session } from '../../core/session.ts';
import { StrongroomError } from '../../errors.ts';
import type { SecretValue } from '../../secret-value.ts';
import { isNotAccepted, untilAccepted } from '../ask-again.ts';
import { choosePassword } from '../choose-password.ts';
import { plainText } from '../plain-value.ts';
import { cutLines, formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';

/** `strongroom factor …`: what people prove who they are with. */
export function registerFactors(program: Command, terminal: Terminal): void {
  const group = program
    .command('factor')
    .description('passwords, codes and passkeys of people, without what they consist of');
  registerList(group, terminal);
  registerAdd(group, terminal);
  registerCodes(group, terminal);
  registerPassword(group, terminal);
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
      const { withRenewal } = await import('../prove-again.ts');
      await withRenewal(options, terminal, ({ auth }) => auth.removeFactor({ factor, subject }));
      terminal.result({ factor }, '');
      if (!terminal.isJson) terminal.note(`took factor ${factor} away`);
    });
  addExamples(command, 'strongroom factor remove 01a20325-7a0e-7001-9d0e-6ac3d7a1f2b4 user:bob');
}

function registerAdd(group: Command, terminal: Terminal): void {
  const command = group
    .command('add')
    .description('set up an app that makes time-based codes, as your second factor')
    .option('--label <text>', 'what you call it')
    .action(async (_: object, command: Command) => {
      const { label, ...options } = command.optsWithGlobals<
        GlobalOptions & { readonly label?: string }
      >();
      requireTerminal(terminal);
      const { withRenewal } = await import('../prove-again.ts');
      const { recoveryCodes } = await withRenewal(options, terminal, async ({ auth }) => {
        const begun = await auth.enrollTotp({ label });
        terminal.write(`For your app:\n\n  ${plainText(begun.uri)}\n\n`);
        terminal.write(`or by hand, as a time-based key:\n\n  ${plainText(begun.secret)}\n\n`);
        return confirmCode(auth, begun.factor, terminal);
      });
      terminal.note('from now on a sign-in asks for a code');
      if (recoveryCodes !== null) tellRecoveryCodes(recoveryCodes, terminal);
    });
  addExamples(command, 'strongroom factor add --label phone');
}

/** A code that was mistyped, or was over by then, is asked for again: the app has its key already. */
async function confirmCode(
  auth: Session['auth'],
  factor: string,
  terminal: Terminal,
): Promise<TotpConfirmed> {
  return untilAccepted(
    terminal,
    {
      ask: () => terminal.askSecret('The code that it shows'),
      isSlip: isNotAccepted,
      said: 'that is not the code of this moment',
    },
    (code) => auth.confirmTotp({ factor, code: code.reveal().trim() }),
  );
}

function registerCodes(group: Command, terminal: Terminal): void {
  group
    .command('codes')
    .description('print new recovery codes; those before count no more')
    .action(async (_: object, command: Command) => {
      const { withRenewal } = await import('../prove-again.ts');
      const renewed = await withRenewal(
        command.optsWithGlobals<GlobalOptions>(),
        terminal,
        ({ auth }) => auth.renewRecoveryCodes({}),
      );
      tellRecoveryCodes(renewed.recoveryCodes, terminal);
    });
}

function registerPassword(group: Command, terminal: Terminal): void {
  group
    .command('password')
    .description('change your password; your other sessions and tokens end')
    .action(async (_: object, command: Command) => {
      requireTerminal(terminal);
      const options = command.optsWithGlobals<GlobalOptions>();
      const { withRenewal } = await import('../prove-again.ts');
      // A session that is over would look like a wrong password.
      await withSession(options, terminal, ({ auth }) => auth.whoAmI());
      const ask = (): Promise<SecretValue> => terminal.askSecret('Your password as it is');
      const wanted = { ask, isSlip: isNotAccepted, said: 'that is not your password' };
      await untilAccepted(terminal, wanted, (current) =>
        choosePassword(terminal, undefined, (password) =>
          withRenewal(options, terminal, ({ auth }) => auth.changePassword({ current, password })),
        ),
      );
      terminal.result({ changed: true }, '');
      if (!terminal.isJson) terminal.note('the password is changed');
    });
}

function requireTerminal(terminal: Terminal): void {
  if (terminal.canAsk) return;
  throw new StrongroomError('usage', 'there is no terminal to ask at', {
    hint: 'programs use the REST API: docs/guide/sign-in.md',
  });
}

function tellRecoveryCodes(codes: readonly SecretValue[], terminal: Terminal): void {
  const shown = codes.map(plainText);
  terminal.result({ recoveryCodes: shown }, shown.join('\n'));
  terminal.note('each of these stands for one code of your app, once: keep them in a safe place');
}

function toRow({ kind, label, confirmedAt, usedAt, left, id }: FactorSummary): readonly string[] {
  const name = left === null ? kind : `${kind} (${left} left)`;
  return [name, label ?? '', confirmedAt ?? 'not confirmed', usedAt ?? 'never', id];
}
