import type { Command } from 'commander';

import {
  addAllOption,
  addLimitOptions,
  limitsOf,
  showCredentials,
  showOnce,
  type CredentialListOptions,
  type LimitOptions,
} from '../machine-words.ts';
import { wholeNumber } from '../option-values.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';

interface CreateOptions extends LimitOptions {
  readonly label?: string;
  readonly ttl?: string;
  readonly uses?: number;
}

/** `strongroom token …`: what machines, and people, call a server with. */
export function registerTokens(program: Command, terminal: Terminal): void {
  const group = program.command('token').description('tokens with which a server is called');
  registerCreate(group, terminal);
  registerList(group, terminal);
  registerRevoke(group, terminal);
}

function registerCreate(group: Command, terminal: Terminal): void {
  const command = group
    .command('create')
    .description('make a token and print it once; it is kept nowhere')
    .argument('[subject]', 'whose, such as machine:ci; without it your own')
    .option('--label <text>', 'what it is for')
    .option('--ttl <duration>', 'how long it lives, such as 30d, or never (default 90d)')
    .option('--uses <number>', 'how often it can be used', wholeNumber('--uses', 1));
  addLimitOptions(command).action(
    async (subject: string | undefined, _: object, command: Command) => {
      const options = command.optsWithGlobals<CreateOptions>();
      const { can, cidr } = limitsOf(options);
      const { label, ttl, uses } = options;
      const { token, ...made } = await withSession(options, terminal, (session) =>
        session.tokens.create({ subject, label, ttl, uses, can, cidr }),
      );
      showOnce(terminal, { made, name: 'token', text: token });
      if (terminal.isJson) return;
      const end = made.expiresAt === null ? 'it never expires' : `it expires ${made.expiresAt}`;
      terminal.note(`token ${made.id} of ${made.subject ?? ''}; ${end}; it is not shown again`);
    },
  );
  addExamples(
    command,
    'strongroom token create machine:ci --ttl 30d --label "nightly job"',
    'strongroom token create machine:ci --can list,read --cidr 10.0.0.0/8 --uses 100',
  );
}

function registerList(group: Command, terminal: Terminal): void {
  const command = group
    .command('list')
    .alias('ls')
    .description('list tokens and sessions, without what they are used with')
    .argument('[subject]', 'whose, such as machine:ci; without it your own');
  addAllOption(command).action(async (subject: string | undefined, _: object, command: Command) => {
    const { all, ...options } = command.optsWithGlobals<CredentialListOptions>();
    const found = await withSession(options, terminal, (session) =>
      session.tokens.list({ subject }),
    );
    showCredentials(terminal, found, { all, none: 'no tokens and no sessions' });
  });
  addExamples(command, 'strongroom token list machine:ci', 'strongroom token list --all');
}

function registerRevoke(group: Command, terminal: Terminal): void {
  const command = group
    .command('revoke')
    .description('end a token or a session, and all that was made with it, at once')
    .argument('<token>', 'its id, from `strongroom token list`')
    .action(async (token: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const gone = await withSession(options, terminal, (session) =>
        session.tokens.revoke({ token }),
      );
      terminal.result(gone, '');
      if (!terminal.isJson)
        terminal.note(`revoked ${gone.kind} ${gone.id} of ${gone.subject ?? ''}`);
    });
  addExamples(command, 'strongroom token revoke 01a20325-7a0e-7001-9d0e-6ac3d7a1f2b4');
}
