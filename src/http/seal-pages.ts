import { z, type ZodType } from 'zod';

import type { SlotKey, SlotKind } from '../seal/slot.ts';
import { StrongroomError } from '../errors.ts';
import { networkOfClient } from '../lib/ip-networks.ts';
import { SecretValue } from '../secret-value.ts';
import type { Answer } from './answer.ts';
import { parseJsonBody } from './json-body.ts';
import { jsonAnswer, type PageRequest, type Pages } from './page.ts';
import { readBody } from './read-body.ts';
import { UnsealRounds } from './unseal-rounds.ts';
import type { By, VaultHolder } from './vault-holder.ts';

/** Whether a vault is sealed, and what would open it. */
export interface SealStatus {
  readonly sealed: boolean;
  /** While it is sealed. */
  readonly kinds?: readonly SlotKind[];
  readonly shares?: readonly { readonly needed: number; readonly made: number }[];
}

/** What came of bringing a key or a share. */
export interface Unsealed {
  readonly sealed: boolean;
  /** Of a share that was not the last one needed. */
  readonly round?: { readonly nonce: string; readonly given: number; readonly needed: number };
}

type Brought =
  | { readonly passphrase: string }
  | { readonly recovery_key: string }
  | { readonly share: string; readonly nonce?: string | undefined };

const text = z.string().min(1).max(4096);
/** What opens a vault, or is a part of it. */
export const broughtKey: ZodType<Brought> = z.union([
  z.strictObject({ passphrase: text }),
  z.strictObject({ recovery_key: text }),
  z.strictObject({ share: text, nonce: z.string().max(64).optional() }),
]);

const BODY_BYTES_MAX = 8192;
const INTERVAL_MS = 1000;
const ADDRESSES_MAX = 10_000;

/**
 * What can be asked of a server whose vault is sealed, by anyone: whether it
 * is, and to take a key. Nothing that is brought is logged or answered.
 *
 * @param refused - Told of each key that did not open it, and of none that was not tried.
 */
export function sealPages(
  holder: VaultHolder,
  refused: (error: unknown) => void,
  clock: () => number = () => performance.now(),
): Pages {
  const rounds = new UnsealRounds(clock);
  const pace = new Pace(clock);
  return {
    '/api/sys/seal-status': { GET: async () => jsonAnswer(200, await statusOf(holder)) },
    '/api/sys/unseal': {
      POST: async (request) => {
        pace.take(request.ip);
        if (holder.vault !== undefined) return jsonAnswer(200, { sealed: false });
        return unseal(request, { holder, rounds, refused });
      },
    },
  };
}

async function statusOf(holder: VaultHolder): Promise<SealStatus> {
  if (holder.vault !== undefined) return { sealed: false };
  const { kinds, shareSets } = await holder.seals();
  const shares = shareSets.map(({ needed, made }) => ({ needed, made }));
  return { sealed: true, kinds, ...(shares.length === 0 ? {} : { shares }) };
}

interface Trying {
  readonly holder: VaultHolder;
  readonly rounds: UnsealRounds;
  readonly refused: (error: unknown) => void;
}

async function unseal(request: PageRequest, trying: Trying): Promise<Answer> {
  const brought = await readBrought(request);
  try {
    return jsonAnswer(200, await tried(request, brought, trying));
  } catch (error) {
    trying.refused(error);
    throw error;
  }
}

async function tried(
  request: PageRequest,
  brought: Brought,
  { holder, rounds }: Trying,
): Promise<Unsealed> {
  const by: By = {
    ...(request.ip === '' ? {} : { ip: request.ip }),
    ...(request.head.userAgent === undefined ? {} : { userAgent: request.head.userAgent }),
  };
  if (!('share' in brought)) {
    await open(holder, keyOf(brought), by);
  } else {
    const { shareSets } = await holder.seals();
    const share = SecretValue.text(brought.share);
    const { shares, ...round } = rounds.take({ share, nonce: brought.nonce }, shareSets);
    if (shares === undefined) return { sealed: true, round };
    await open(holder, { kind: 'shamir', shares }, by);
  }
  rounds.clear();
  return { sealed: false };
}

async function open(holder: VaultHolder, key: SlotKey, by: By): Promise<void> {
  try {
    await holder.open([key], by);
  } finally {
    for (const secret of secretsOf(key)) secret.wipe();
  }
}

function keyOf(brought: Exclude<Brought, { share: string }>): SlotKey {
  return 'passphrase' in brought
    ? { kind: 'passphrase', passphrase: SecretValue.text(brought.passphrase) }
    : { kind: 'recovery', token: SecretValue.text(brought.recovery_key) };
}

function secretsOf(key: SlotKey): readonly SecretValue[] {
  if (key.kind === 'passphrase') return [key.passphrase];
  if (key.kind === 'recovery') return [key.token];
  return key.kind === 'shamir' ? key.shares : [];
}

async function readBrought({ message, head }: PageRequest): Promise<Brought> {
  if (!/^application\/json(?:; ?charset=utf-8)?$/i.test(head.contentType ?? '')) {
    throw new StrongroomError('unsupported_media_type', 'the body has to be JSON', {
      hint: 'Content-Type: application/json',
    });
  }
  const options = { contentLength: head.contentLength, bytesMax: BODY_BYTES_MAX };
  const parsed = await readBody(message, options, (body) =>
    broughtKey.safeParse(parseJsonBody(body)),
  );
  if (parsed.success) return parsed.data;
  // What zod says of a fault could repeat what was brought.
  throw new StrongroomError('invalid_request', 'the body is not what opens a vault', {
    hint: 'it is {"passphrase": …}, {"recovery_key": …}, or {"share": …, "nonce": …}',
  });
}

/** One attempt a second from one address, or from one IPv6 network of a client. */
class Pace {
  readonly #clock: () => number;
  readonly #last: Map<string, number> = new Map();

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  take(ip: string): void {
    const client = networkOfClient(ip) ?? '';
    const now = this.#clock();
    const last = this.#last.get(client);
    if (last !== undefined && now - last < INTERVAL_MS) {
      throw new StrongroomError('rate_limited', 'one key a second can be tried', {
        details: { retryAfter: 1 },
      });
    }
    this.#last.delete(client);
    const [oldest] = this.#last.keys();
    if (this.#last.size >= ADDRESSES_MAX && oldest !== undefined) this.#last.delete(oldest);
    this.#last.set(client, now);
  }
}
