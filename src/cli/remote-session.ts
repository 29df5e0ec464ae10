import { connect } from '../client/client.ts';
import type { Session } from '../core/session.ts';
import { packageVersion } from './package-version.ts';
import { readSession } from './session-store.ts';
import { tokenIn } from './token-text.ts';
import type { ServerTarget } from './server-target.ts';

/**
 * The operations on a server, with `STRONGROOM_TOKEN` or the session of the
 * profile. To a command it is the same as a vault of this machine.
 */
export function remoteSession(server: ServerTarget): Session {
  return connect({
    address: server.value,
    token: tokenFor(server),
    userAgent: `strongroom-cli/${packageVersion()}`,
  });
}

function tokenFor({ profile }: ServerTarget): string | undefined {
  const variable = process.env['STRONGROOM_TOKEN'] ?? '';
  if (variable !== '') return tokenIn(variable, 'STRONGROOM_TOKEN');
  return profile === undefined ? undefined : readSession(profile);
}
