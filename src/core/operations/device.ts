import { z } from 'zod';

import type { CountedAttempt } from '../../domain/identities/attempts.ts';
import { takeBack } from '../../domain/identities/attempts.ts';
import {
  beginDevice,
  confirmDevice,
  decisionOf,
  denyDevice,
  DEVICE_MS,
  findDevice,
} from '../../domain/identities/device.ts';
import { originOf } from '../../domain/identities/clients-waiting.ts';
import {
  devicesWaiting,
  INTERVAL_MS,
  INTERVAL_MS_MIN,
} from '../../domain/identities/devices-waiting.ts';
import { decodeLimits } from '../../domain/identities/limits.ts';
import { consumeToken, findToken } from '../../domain/identities/tokens.ts';
import { invalidity } from '../../domain/identities/validity.ts';
import { StrongroomError } from '../../errors.ts';
import type { SecretValue } from '../../secret-value.ts';
import { isoTime } from '../../lib/iso-time.ts';
import type { PrincipalRow, TokenRow } from '../../store/tables.ts';
import { enrollmentDue, notAccepted } from '../denials.ts';
import type { Call, Operation, Services } from '../operation.ts';
import { reauthRequired } from '../require-fresh.ts';
import { AUTH } from '../rest-binding.ts';
import { beginOwnAttempt } from './begin-attempt.ts';
import { credentialText, secretText, textOf, type CredentialText } from './credential-text.ts';
import { ownUser } from './own-user.ts';
import { removeWaiting } from './remove-waiting.ts';
import * as schema from './schema.ts';
import { signsIn } from './sign-in.ts';
import { afterAll, type SignedIn } from './signed-in.ts';
import { clientOf, clientOfRow } from './token-view.ts';

/** A device that waits for somebody (RFC 8628 §3.2). */
export interface DeviceBegun {
  /** Names it on record; opens nothing. */
  readonly id: string;
  /** What the device asks with, and gets its session for. It is given once and kept nowhere. */
  readonly device: SecretValue;
  /** What somebody types where they are signed in, such as `BCDF-GHJK`. */
  readonly userCode: SecretValue;
  /** RFC 3339. */
  readonly expiresAt: string;
  /** Seconds until then. */
  readonly expiresIn: number;
  /** Seconds between two questions. */
  readonly interval: number;
}

export interface DeviceCodeInput {
  /** What the device shows. Case, hyphens and spaces don't matter. */
  readonly code: CredentialText;
}

export interface FinishDeviceInput {
  /** What the device was given. */
  readonly device: CredentialText;
}

/** What is going to be allowed, and to whom. Times are RFC 3339. */
export interface DeviceSummary {
  readonly id: string;
  /** Where it was begun. */
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly begunAt: string;
  readonly expiresAt: string;
  /** Whom it acts as then: the caller, such as `user:ada`. */
  readonly subject: string;
  /** Capabilities that its session has at most; `null` for all of the caller's. */
  readonly can: readonly string[] | null;
  /** Whether its session counts as one with a second factor. */
  readonly mfa: boolean;
}

/** A code that was counted before it was looked at. */
interface CountedCode {
  readonly counted: CountedAttempt;
}

const CODE_MAX = 32;

const deviceSummary: z.ZodType<DeviceSummary> = schema.answer<DeviceSummary>({
  id: z.uuid(),
  ip: z.string().nullable(),
  userAgent: z.string().nullable(),
  begunAt: schema.instant,
  expiresAt: schema.instant,
  subject: z.string(),
  can: schema.texts.nullable(),
  mfa: z.boolean(),
});

const onCode = {
  input: z.strictObject({ code: credentialText(CODE_MAX) }),
  output: deviceSummary,
  secretMembers: ['code'],
  mutates: true,
  requires: () => [],
  subject: () => ({}),
} as const;

/** Errors: none of its own. The eleventh that waits from one address ends the first of them. */
export const beginDeviceSignIn: Operation<Record<string, never>, DeviceBegun> = {
  name: 'auth.beginDevice',
  summary: 'Begins to sign in where there is no browser: gives a code for somebody to confirm.',
  errors: [],
  input: z.strictObject({}),
  output: schema.answer<DeviceBegun>({
    id: z.uuid(),
    device: schema.secretOutput,
    userCode: schema.secretOutput,
    expiresAt: schema.instant,
    expiresIn: z.int(),
    interval: z.int(),
  }),
  rest: [{ method: 'POST', path: `${AUTH}/device`, status: 201 }],
  secretMembers: ['device', 'userCode'],
  mutates: true,
  anyone: true,
  givesOnce: true,
  requires: () => [],
  subject: () => ({}),
  apply: async (_input, call) => {
    const waiting = devicesWaiting(call.keyring);
    const origin = originOf(call.circumstances.ip);
    for (const id of waiting.makeRoom(origin, call.now)) await removeWaiting(call, id);
    const given = { restoreId: call.standing.restoreId, client: clientOf(call) };
    const { row, text, userCode } = await beginDevice(call, given);
    waiting.begin(row.id, origin, call.now);
    call.about({ target: row.id });
    return {
      id: row.id,
      device: text,
      userCode,
      expiresAt: isoTime(call.now + DEVICE_MS),
      expiresIn: DEVICE_MS / 1000,
      interval: INTERVAL_MS / 1000,
    };
  },
};

/** Errors: `token_not_found` for a code that nothing waits with; `rate_limited` after wrong ones; `reauth_required` for a token. */
export const lookAtDevice: Operation<DeviceCodeInput, DeviceSummary, CountedCode> = {
  ...onCode,
  name: 'auth.lookAtDevice',
  summary: 'Shows where a sign-in was begun that waits with a code, and what it would allow.',
  errors: ['token_not_found'],
  rest: [{ method: 'POST', path: `${AUTH}/device/look` }],
  prepare: (_input, services) => countCode(services),
  apply: async (input, call, proof) => {
    const { row, principal, session } = await requireDevice(call, input, proof);
    return toSummary(row, principal, session);
  },
};

/** Errors: those of `auth.lookAtDevice`; `reauth_required` without a proof of the last five minutes; `mfa_required`. */
export const confirmDeviceSignIn: Operation<DeviceCodeInput, DeviceSummary, CountedCode> = {
  ...onCode,
  name: 'auth.confirmDevice',
  summary: 'Lets whoever waits with a code act as the caller.',
  errors: ['token_not_found'],
  rest: [{ method: 'POST', path: `${AUTH}/device/confirm` }],
  fresh: true,
  prepare: (_input, services) => countCode(services),
  apply: async (input, call, proof) => {
    const { row, principal, session } = await requireDevice(call, input, proof);
    // Neither is more than what it is confirmed with.
    if (call.isEnrolling) throw enrollmentDue();
    await confirmDevice(call, row, { principal, session });
    return toSummary(row, principal, session);
  },
};

/** Errors: those of `auth.confirmDevice`. */
export const denyDeviceSignIn: Operation<DeviceCodeInput, DeviceSummary, CountedCode> = {
  ...onCode,
  name: 'auth.denyDevice',
  summary: 'Turns away whoever waits with a code.',
  errors: ['token_not_found'],
  rest: [{ method: 'POST', path: `${AUTH}/device/deny` }],
  fresh: true,
  prepare: (_input, services) => countCode(services),
  apply: async (input, call, proof) => {
    const { row, principal, session } = await requireDevice(call, input, proof);
    await denyDevice(call, row);
    return toSummary(row, principal, session);
  },
};

/**
 * Errors: `authorization_pending` while nobody decided; `slow_down` for asking too often; `access_denied`;
 * `expired_token`; `unauthenticated` for one that is none, or was used.
 */
export const finishDevice: Operation<FinishDeviceInput, SignedIn> = {
  ...signsIn,
  name: 'auth.finishDevice',
  summary: 'Asks whether somebody confirmed the code, and gives the session once.',
  errors: ['authorization_pending', 'slow_down', 'expired_token', 'access_denied'],
  input: z.strictObject({ device: secretText }),
  rest: [{ method: 'POST', path: `${AUTH}/device/finish` }],
  secretMembers: ['device', 'session', 'challenge', 'known'],
  apply: async ({ device }, call) => {
    const row = await findToken(call, ['device'], textOf(device));
    if (row === undefined) throw notAccepted('unknown');
    call.about({ target: row.id });
    requireDecided(call, row);
    const principal = call.standing.principal(row.principal_id ?? '');
    if (principal?.kind !== 'user') throw notAccepted('void');
    await consumeToken(call, row);
    devicesWaiting(call.keyring).end(row.id);
    call.identified(principal.id);
    call.record('auth.deviceUsed', { target: row.id });
    // Who was talked into confirming a code has not given away what takes a proof of just now.
    return afterAll(call, principal, { mfaAt: row.mfa_at, authenticatedAt: null, within: row });
  },
};

/** @throws {@link StrongroomError} what the device is told instead of a session. */
function requireDecided(call: Call, row: TokenRow): void {
  const reason = invalidity(row, call.standing, { now: call.now, carrier: 'bearer' });
  if (reason === 'expired') {
    throw new StrongroomError('expired_token', 'nobody confirmed the code in time', {
      hint: 'begin anew',
    });
  }
  if (reason !== undefined) throw notAccepted(reason);
  const decision = decisionOf(row);
  if (decision === 'confirmed') return;
  if (decision === 'denied') {
    throw new StrongroomError('access_denied', 'the sign-in was turned away');
  }
  if (!devicesWaiting(call.keyring).ask(row.id, call.now, INTERVAL_MS_MIN)) {
    const retryAfter = INTERVAL_MS / 1000;
    throw new StrongroomError('slow_down', `ask again in ${retryAfter} seconds`, {
      details: { retryAfter },
    });
  }
  throw new StrongroomError('authorization_pending', 'nobody confirmed the code yet');
}

/** Durably, before the code is looked at: a thousand at once are no better than one after another. */
async function countCode(services: Services): Promise<CountedCode> {
  const { counted } = await services.run(beginOwnAttempt, { channel: 'device' });
  return { counted };
}

/** The device that waits with a code, and who is about to decide, in a session of their own. */
async function requireDevice(
  call: Call,
  { code }: DeviceCodeInput,
  { counted }: CountedCode,
): Promise<{
  readonly row: TokenRow;
  readonly principal: PrincipalRow;
  readonly session: TokenRow;
}> {
  const principal = ownUser(call);
  // Where the vault itself is there is no session that another could be like.
  if (call.credential === undefined) throw reauthRequired();
  const row = await findDevice(call, textOf(code));
  const given = { now: call.now, carrier: 'bearer' };
  if (row === undefined || invalidity(row, call.standing, given) !== undefined) {
    throw new StrongroomError('token_not_found', 'no sign-in waits with this code', {
      hint: 'it is good for ten minutes and for one answer; look whether it was typed right',
    });
  }
  await takeBack(call, counted);
  call.about({ target: row.id });
  return { row, principal, session: call.credential };
}

function toSummary(row: TokenRow, principal: PrincipalRow, session: TokenRow): DeviceSummary {
  return {
    id: row.id,
    ...clientOfRow(row),
    begunAt: isoTime(row.created_at),
    expiresAt: isoTime(row.expires_at ?? 0),
    subject: `user:${principal.name}`,
    can: decodeLimits(session.limits).can ?? null,
    mfa: session.mfa_at !== null,
  };
}
