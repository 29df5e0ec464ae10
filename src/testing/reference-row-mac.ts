import { createHmac } from 'node:crypto';

/**
 * Row MACs and integrity rows as `docs/spec/keyring.md` says, written from that
 * page alone, to hold the real ones against.
 */

type Part = string | Uint8Array;

/** Bytes of a part. */
function bytesOf(part: Part): Buffer {
  return typeof part === 'string' ? Buffer.from(part, 'utf8') : Buffer.from(part);
}

function lp(part: Part): Buffer {
  const bytes = bytesOf(part);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** A UUID's bytes. */
export function referenceUuid(id: string): Uint8Array {
  return Buffer.from(id.replaceAll('-', ''), 'hex');
}

/** An unsigned integer of 8 bytes. */
export function referenceU64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** `tuple(a, b, …)`. */
export function referenceTuple(parts: readonly Part[]): Uint8Array {
  return Buffer.concat(parts.map(lp));
}

/** HMAC-SHA-256 over a tuple. */
export function referenceHmac(key: Uint8Array, parts: readonly Part[]): Uint8Array {
  return createHmac('sha256', key).update(referenceTuple(parts)).digest();
}

/** The bytes that a row's MAC is computed over. `envelopes` names the columns that hold one. */
export function referenceRowInput(
  vaultId: string,
  table: string,
  row: Readonly<Record<string, unknown>>,
  envelopes: readonly string[] = [],
): Uint8Array {
  const columns = Object.keys(row)
    .filter((name) => name !== 'mac' && row[name] !== null && row[name] !== undefined)
    .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const parts = columns.map((name) => {
    const value = row[name];
    if (typeof value === 'number') {
      const content = Buffer.alloc(8);
      content.writeBigInt64BE(BigInt(value));
      return Buffer.concat([lp(name), Buffer.of(1), content]);
    }
    if (typeof value === 'string') return Buffer.concat([lp(name), Buffer.of(2), lp(value)]);
    const bytes = Buffer.from(value as Uint8Array);
    const stands = envelopes.includes(name) ? bytes.subarray(114, 146) : bytes;
    return Buffer.concat([lp(name), Buffer.of(3), lp(stands)]);
  });
  return Buffer.concat([
    referenceTuple(['strongroom/v1/row', table, referenceUuid(vaultId)]),
    ...parts,
  ]);
}

/** A row's MAC. */
export function referenceRowMac(
  key: Uint8Array,
  ...input: Parameters<typeof referenceRowInput>
): Uint8Array {
  return createHmac('sha256', key)
    .update(referenceRowInput(...input))
    .digest();
}

/** The sum of an integrity row over the MACs of its rows. */
export function referenceSum(
  key: Uint8Array,
  row: { readonly scope: string; readonly nonce: Uint8Array },
  macs: readonly Uint8Array[],
): Uint8Array {
  const addends = macs.map((mac) => referenceHmac(key, ['strongroom/v1/integrity/addend', mac]));
  const mask = referenceHmac(key, ['strongroom/v1/integrity/mask', row.scope, row.nonce]);
  const total = [...addends, mask]
    .map((bytes) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`))
    .reduce((sum, each) => sum + each, 0n);
  return Buffer.from((total % 2n ** 256n).toString(16).padStart(64, '0'), 'hex');
}

/** The tables' state that the audit log anchors. */
export function referenceState(
  key: Uint8Array,
  rows: readonly { readonly scope: string; readonly mac: Uint8Array }[],
): string {
  const parts = rows
    .toSorted((a, b) => (a.scope < b.scope ? -1 : 1))
    .flatMap((row) => [row.scope, row.mac]);
  return Buffer.from(referenceHmac(key, ['strongroom/v1/integrity/state', ...parts])).toString(
    'base64url',
  );
}
