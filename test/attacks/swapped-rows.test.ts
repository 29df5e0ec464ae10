import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { envelopeCommitment } from '../../src/crypto/envelope.ts';
import { equalBytes } from '../../src/lib/compare.ts';
import { SecretValue } from '../../src/secret-value.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  putRow,
  storedRows,
  tamper,
  type OpenParts,
  type StoredRow,
  type TemporaryVault,
} from '../../src/testing/temporary-vault.ts';
import type { Session } from '../../src/core/session.ts';
import { parseDotenv } from '../../src/formats/dotenv.ts';
import { serializeLayout } from '../../src/formats/dotenv-layout.ts';

// Someone who can write the database, and has no key.

interface Place {
  readonly workspace: string;
  readonly environment: string;
  readonly path: string;
}

let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
/** Addresses by the id of the secret. */
const places = new Map<string, Place>();

beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  session = parts.as(OWNER);
  await session.workspaces.create({ name: 'payments' });
  for (const workspace of ['default', 'payments']) {
    for (const environment of ['staging', 'production']) {
      for (const path of ['db/password', 'api/key']) {
        const at = { workspace, environment, path };
        const value = { a: `${workspace} ${environment} ${path}`, b: 'same' };
        const { id } = await session.secrets.create({ ...at, value, description: path });
        await session.secrets.write({ ...at, value: { b: 'two' } });
        places.set(id, at);
      }
      const layout = SecretValue.text(serializeLayout(parseDotenv(`W=${workspace}\n`)));
      await session.secrets.import({ workspace, environment, secrets: [], layout });
    }
  }
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

/** The code that each call is refused with, or `answered`. */
async function outcomes(calls: readonly Promise<unknown>[]): Promise<string[]> {
  const settled = await Promise.allSettled(calls);
  return settled.map((each) =>
    each.status === 'fulfilled' ? 'answered' : String((each.reason as { code?: string }).code),
  );
}

/** Everything that gives out the value of a version. */
function readsOf(row: StoredRow): Promise<unknown>[] {
  const at = places.get(String(row['secret_id']));
  if (at === undefined) throw new TypeError('it was made');
  const version = Number(row['version']);
  const { secrets } = session;
  return [
    secrets.read({ ...at, version }),
    ...(version === 2 ? [secrets.read(at), secrets.update({ ...at, value: { c: 'merged' } })] : []),
  ];
}

const versionRows = (): StoredRow[] => tamper(place, (db) => storedRows(db, 'versions'));

/** Every pair once, in rounds in which each row is in one pair: so a round can be looked at as one. */
function rounds<T>(list: readonly T[]): (readonly [T, T])[][] {
  const [first, ...rest] = list;
  if (first === undefined) return [];
  return rest.map((_, turn) => {
    const turned = [first, ...rest.slice(turn), ...rest.slice(0, turn)];
    return Array.from({ length: list.length / 2 }, (_half, index) => {
      const [one, two] = [turned[index], turned[list.length - 1 - index]];
      if (one === undefined || two === undefined) throw new TypeError('an even number of rows');
      return [one, two] as const;
    });
  });
}

/** Puts rows in place, looks, and puts the old ones back. */
async function whileStored(
  table: string,
  changed: readonly StoredRow[],
  original: readonly StoredRow[],
  look: () => Promise<void>,
): Promise<void> {
  tamper(place, (db) => {
    for (const row of changed) putRow(db, table, row);
  });
  try {
    await look();
  } finally {
    tamper(place, (db) => {
      for (const row of original) putRow(db, table, row);
    });
  }
}

/** An envelope with the bytes of a part taken from another one. */
function spliced(one: StoredRow, two: StoredRow, from: number, to?: number): Uint8Array {
  const mine = Buffer.from(one['envelope'] as Uint8Array);
  const theirs = Buffer.from(two['envelope'] as Uint8Array);
  const end = to ?? theirs.length;
  return Buffer.concat([
    mine.subarray(0, from),
    theirs.subarray(from, end),
    ...(to === undefined ? [] : [mine.subarray(to)]),
  ]);
}

describe('A73: swapping what is stored between secrets, versions, environments and workspaces', () => {
  type Swap = (one: StoredRow, two: StoredRow) => StoredRow;
  // The row's MAC holds the commitment; what is beside it in the envelope only fails to decrypt.
  const kinds: readonly (readonly [what: string, code: string, swap: Swap])[] = [
    ['envelope', 'integrity_error', (one, two) => ({ ...one, envelope: two['envelope'] ?? null })],
    ['checksum', 'integrity_error', (one, two) => ({ ...one, checksum: two['checksum'] ?? null })],
    [
      'envelope and checksum',
      'integrity_error',
      (one, two) => ({
        ...one,
        envelope: two['envelope'] ?? null,
        checksum: two['checksum'] ?? null,
      }),
    ],
    [
      'key id and data key',
      'decryption_failed',
      (one, two) => ({ ...one, envelope: spliced(one, two, 6, 82) }),
    ],
    [
      'all before the commitment',
      'decryption_failed',
      (one, two) => ({ ...one, envelope: spliced(one, two, 6, 114) }),
    ],
    [
      'nonce',
      'decryption_failed',
      (one, two) => ({ ...one, envelope: spliced(one, two, 146, 158) }),
    ],
    [
      'ciphertext',
      'decryption_failed',
      (one, two) => ({ ...one, envelope: spliced(one, two, 158) }),
    ],
    [
      'all but the commitment',
      'decryption_failed',
      (one, two) => {
        const envelope = spliced(two, one, 114, 146);
        return { ...one, envelope };
      },
    ],
    [
      'the whole row',
      'integrity_error',
      (one, two) => ({
        ...two,
        secret_id: one['secret_id'] ?? null,
        version: one['version'] ?? null,
      }),
    ],
  ];

  it.each(kinds)('is refused for each of 120 pairs: %s, with %s', async (_what, code, swap) => {
    const rows = versionRows();
    expect(rows.length).toBe(16);
    let looked = 0;
    for (const round of rounds(rows)) {
      const changed = round.flatMap(([one, two]) => [swap(one, two), swap(two, one)]);
      await whileStored('versions', changed, rows, async () => {
        const codes = await outcomes(rows.flatMap(readsOf));
        expect(new Set(codes)).toEqual(new Set([code]));
      });
      looked += round.length;
    }
    expect(looked).toBe(120);
  });

  it('is refused for a version with another history: who, when, whether deleted, under which key', async () => {
    const rows = versionRows();
    for (const set of [
      { created_by: 'someone else' },
      { created_at: 1 },
      { deleted_at: 1 },
      { destroyed_at: 1 },
      { checksum_key: 2 },
      { row_revision: 2 },
    ]) {
      const changed = rows.map((row) => ({ ...row, ...set }));
      await whileStored('versions', changed, rows, async () => {
        const reads = rows.map((row) =>
          session.secrets.read({
            ...(places.get(String(row['secret_id'])) ?? { environment: '', path: '' }),
            version: Number(row['version']),
          }),
        );
        expect(new Set(await outcomes(reads))).toEqual(new Set(['integrity_error']));
        const histories = [...places.values()].map((at) => session.secrets.history(at));
        expect(new Set(await outcomes(histories))).toEqual(new Set(['integrity_error']));
      });
    }
  });

  it('is refused for the rows and descriptions of secrets', async () => {
    const rows = tamper(place, (db) => storedRows(db, 'secrets'));
    const swaps: readonly ((one: StoredRow, two: StoredRow) => StoredRow)[] = [
      (one, two) => ({ ...one, metadata: two['metadata'] ?? null }),
      (one, two) => ({ ...one, current_commit: two['current_commit'] ?? null }),
      (one, two) => ({ ...two, id: one['id'] ?? null, path: one['path'] ?? null }),
      (one) => ({ ...one, current_version: 1 }),
      (one) => ({ ...one, metadata: null }),
    ];
    for (const round of rounds(rows)) {
      for (const swap of swaps) {
        // Each stays in its environment, so that the index of paths stays unique.
        const changed = round
          .flatMap(
            ([one, two]) =>
              [
                [one, two],
                [two, one],
              ] as const,
          )
          .map(([one, two]) => ({
            ...swap(one, two),
            environment_id: one['environment_id'] ?? null,
          }));
        await whileStored('secrets', changed, rows, async () => {
          const { secrets } = session;
          const calls = [...places.values()].flatMap((at) => [
            secrets.read(at),
            secrets.describe(at),
            secrets.history(at),
            secrets.update({ ...at, tags: ['x'] }),
          ]);
          expect(new Set(await outcomes(calls))).toEqual(new Set(['integrity_error']));
        });
      }
    }
  });

  it('is refused for the layouts of environments', async () => {
    const rows = tamper(place, (db) => storedRows(db, 'layouts'));
    expect(rows.length).toBe(4);
    const names = new Map(
      [...places.values()].map(({ workspace, environment }) => [
        `${workspace} ${environment}`,
        { workspace, environment },
      ]),
    );
    for (const [one, two] of rounds(rows).flat()) {
      const changed = [
        { ...one, envelope: two['envelope'] ?? null },
        { ...two, envelope: one['envelope'] ?? null },
      ];
      await whileStored('layouts', changed, [one, two], async () => {
        const codes = await outcomes([...names.values()].map((at) => session.layouts.read(at)));
        expect(codes.filter((code) => code !== 'answered')).toEqual([
          'integrity_error',
          'integrity_error',
        ]);
      });
    }
    const [first] = rows;
    if (first === undefined) throw new TypeError('there are four');
    await whileStored('layouts', [{ ...first, revision: 2 }], [first], async () => {
      const codes = await outcomes([...names.values()].map((at) => session.layouts.read(at)));
      expect(codes.filter((code) => code !== 'answered')).toEqual(['integrity_error']);
    });
  });

  it('changes nothing for what was left alone, and everything is in order afterwards', async () => {
    const codes = await outcomes([...places.values()].map((at) => session.secrets.read(at)));
    expect(new Set(codes)).toEqual(new Set(['answered']));
    expect(versionRows().length).toBe(16);
    await expect(session.audit.verify()).resolves.toMatchObject({ secrets: 8 });
  });
});

describe('a stored envelope', () => {
  // So that nothing that was read before can be answered from memory.
  beforeEach(async () => {
    await parts.vault.close();
    parts = await openParts(place);
    session = parts.as(OWNER);
  });

  const oneVersion = (): StoredRow => {
    const row = versionRows().find((each) => each['version'] === 2);
    if (row === undefined) throw new TypeError('it was made');
    return row;
  };

  it('A72: is refused when any one byte of it was flipped, the 32 of its commitment among them', async () => {
    const rows = versionRows().filter((each) => each['version'] === 2);
    const longest = Math.max(...rows.map((row) => (row['envelope'] as Uint8Array).length));
    let flips = 0;
    for (let from = 0; from < longest; from += rows.length) {
      const expected: string[] = [];
      const changed = rows.map((row, index) => {
        const envelope = row['envelope'] as Uint8Array;
        const at = Math.min(from + index, envelope.length - 1);
        const code = at >= 114 && at < 146 ? 'integrity_error' : 'decryption_failed';
        expected.push(code, code, code);
        flips += 1;
        return {
          ...row,
          envelope: envelope.map((byte, each) => (each === at ? byte ^ 0x40 : byte)),
        };
      });
      await whileStored('versions', changed, rows, async () => {
        const codes = await outcomes(rows.flatMap(readsOf));
        expect([from, codes]).toEqual([from, expected]);
      });
    }
    expect(flips).toBeGreaterThan(174);
  });

  it('A71: is refused with a tag or a nonce of another length', async () => {
    const row = oneVersion();
    const envelope = Buffer.from(row['envelope'] as Uint8Array);
    const cut = (from: number, to: number): Uint8Array =>
      Buffer.concat([envelope.subarray(0, from), envelope.subarray(to)]);
    const altered = [
      ...Array.from({ length: 16 }, (_, n) => envelope.subarray(0, envelope.length - 1 - n)),
      Buffer.concat([envelope, Buffer.of(0)]),
      cut(146, 157),
      cut(146, 150),
      cut(22, 33),
      envelope.subarray(0, 158),
      envelope.subarray(0, 100),
      Buffer.alloc(0),
    ];
    for (const bytes of altered) {
      // Cut before the commitment's end, it no longer has the commitment that the row's MAC holds.
      const moved = !equalBytes(envelopeCommitment(bytes), envelopeCommitment(envelope));
      const code = moved ? 'integrity_error' : 'decryption_failed';
      await whileStored('versions', [{ ...row, envelope: bytes }], [row], async () => {
        expect(await outcomes(readsOf(row))).toEqual([code, code, code]);
      });
    }
  });
});
