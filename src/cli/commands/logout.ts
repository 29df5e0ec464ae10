import type { Command } from 'commander';

import { StrongroomError } from '../../errors.ts';
import { readProfiles, writeProfiles } from '../profiles.ts';
import { locateServer } from '../server-target.ts';
import type { Terminal } from '../terminal.ts';
import { requireNoPrincipal, withSession, type GlobalOptions } from '../vault-access.ts';

/** `strongroom logout`: ends the session, here and on the server. */
export function registerLogout(program: Command, terminal: Terminal): void {
  program
    .command('logout')
    .description('end the session with a server')
    .option('--everywhere', 'end every session and token of yours')
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions & { readonly everywhere?: boolean }>();
      const { everywhere } = options;
      const server = locateServer(options);
      if (server === undefined) throw noServer();
      requireNoPrincipal(options);
      const { dropSession } = await import('../session-store.ts');
      try {
        await withSession(options, terminal, async ({ auth }) => {
          const { credential } = await auth.whoAmI();
          if (credential?.kind === 'session') await auth.signOut({ everywhere });
          else terminal.note('the token stays good: `strongroom token revoke` ends it');
        });
      } catch (error) {
        // It has ended already; what lies here has to go all the same.
        if (!(error instanceof StrongroomError) || error.code !== 'unauthenticated') throw error;
      } finally {
        if (server.profile !== undefined) dropSession(server.profile);
      }
      const left = forget(server.profile);
      terminal.result({ address: server.value, current: left.current ?? null }, '');
      if (terminal.isJson) return;
      terminal.note(`signed out of ${server.value}`);
      tellOthers(left, terminal);
    });
}

/** What is left once a profile is not used any more where none is named. */
function forget(profile: string | undefined): ReturnType<typeof readProfiles> {
  const before = readProfiles();
  if (profile === undefined) return before;
  const { current, profiles } = before;
  const rest = Object.fromEntries(Object.entries(profiles).filter(([name]) => name !== profile));
  const left = { ...(current === profile ? {} : { current }), profiles: rest };
  writeProfiles(left);
  return left;
}

/** Commands don't go to another server by themselves: which one is said by whoever means it. */
function tellOthers(
  { current, profiles }: ReturnType<typeof readProfiles>,
  terminal: Terminal,
): void {
  const others = Object.entries(profiles).map(([name, { address }]) => `${name} (${address})`);
  if (current !== undefined || others.length === 0) return;
  terminal.note(`commands go to no server now; --profile names one of these: ${others.join(', ')}`);
}

function noServer(): StrongroomError {
  return new StrongroomError('usage', 'there is no server to sign out of', {
    hint: 'name it with --profile or --address',
  });
}
