import { setTimeout as sleep } from 'node:timers/promises';

import type { Client } from '../client/client.ts';
import type { DeviceSummary } from '../core/operations/device.ts';
import type { SignedIn } from '../core/operations/signed-in.ts';
import type { Session } from '../core/session.ts';
import { StrongroomError, type ErrorCode } from '../errors.ts';
import { shellWord } from '../lib/shell-word.ts';
import type { Terminal } from './terminal.ts';

/** Codes after which it is asked again: nobody decided yet, or nothing could be asked. */
const WAITING: ReadonlySet<ErrorCode> = new Set([
  'authorization_pending',
  'slow_down',
  'unreachable',
  'rate_limited',
]);

/** How much slower it is asked after `slow_down`, in seconds (RFC 8628 §3.5). */
const SLOWER = 5;

/** Shows a code, and waits until somebody confirms it where they are signed in. */
export async function signInDevice(
  { auth }: Client,
  terminal: Terminal,
  address: string,
): Promise<SignedIn> {
  const { device, userCode, expiresIn, interval } = await auth.beginDevice();
  const until = Date.now() + expiresIn * 1000;
  const code = userCode.reveal();
  const command = `strongroom login ${shellWord(address)} --confirm ${shellWord(code)}`;
  terminal.warn(`the code is ${code}, for ${Math.floor(expiresIn / 60)} minutes`);
  terminal.warn(`confirm it where you are signed in: ${command}`);
  try {
    for (let pause = interval; ; await sleep(pause * 1000)) {
      const answer = await auth.finishDevice({ device }).catch((error: unknown) => {
        if (!(error instanceof StrongroomError) || !WAITING.has(error.code)) throw error;
        if (error.code === 'slow_down') pause += SLOWER;
      });
      if (answer !== undefined) return answer;
      if (Date.now() >= until) throw tooLate();
    }
  } finally {
    device.wipe();
    userCode.wipe();
  }
}

/** What is decided about a machine that waits. */
export interface DeviceDecided extends DeviceSummary {
  readonly isConfirmed: boolean;
}

/**
 * Shows where a sign-in was begun and what it would allow, asks, and lets it in or turns it away.
 *
 * @param proven - Runs a call again with a proof of just now where it asks for one.
 * @throws {@link StrongroomError} `usage` if nobody can be asked; `token_not_found` for a wrong code.
 */
export async function decideDevice(
  session: Session,
  terminal: Terminal,
  code: string,
  proven: <T>(work: (session: Session) => Promise<T>) => Promise<T>,
): Promise<DeviceDecided> {
  if (!terminal.canAsk && !terminal.assumesYes) {
    throw new StrongroomError('usage', 'there is no terminal to ask at', {
      hint: 'say --yes to confirm the code without looking at where it comes from',
    });
  }
  const seen = await session.auth.lookAtDevice({ code });
  const program = seen.userAgent === null ? '' : ` with ${seen.userAgent}`;
  terminal.note(`begun ${seen.begunAt} at ${seen.ip ?? 'an unknown address'}${program}`);
  const what = seen.can === null ? 'whatever you may' : seen.can.join(', ');
  terminal.note(`it could do as ${seen.subject}: ${what}`);
  const isConfirmed = await terminal.confirm('Did you begin this, and is it to be let in?', false);
  const decided = await proven(({ auth }) =>
    isConfirmed ? auth.confirmDevice({ code }) : auth.denyDevice({ code }),
  );
  return { ...decided, isConfirmed };
}

function tooLate(): StrongroomError {
  return new StrongroomError('expired_token', 'nobody confirmed the code in time', {
    hint: 'begin anew with `strongroom login --device`',
  });
}
