import { hash } from 'node:crypto';

/** RFC 6962 §2.1 and §2.1.1–2 word by word, on Buffers, for tests to compare with. */

function sha(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(hash('sha256', Buffer.concat(parts), 'buffer'));
}

function split(n: number): number {
  return 2 ** (31 - Math.clz32(n - 1));
}

/** MTH(D[n]). */
export function referenceRoot(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return sha();
  if (leaves.length === 1) return sha(new Uint8Array([0]), leaves[0] ?? new Uint8Array());
  const k = split(leaves.length);
  const [left, right] = [referenceRoot(leaves.slice(0, k)), referenceRoot(leaves.slice(k))];
  return sha(new Uint8Array([1]), left, right);
}

/** PATH(m, D[n]). */
export function referencePath(m: number, leaves: readonly Uint8Array[]): Uint8Array[] {
  if (leaves.length <= 1) return [];
  const k = split(leaves.length);
  const [left, right] = [leaves.slice(0, k), leaves.slice(k)];
  return m < k
    ? [...referencePath(m, left), referenceRoot(right)]
    : [...referencePath(m - k, right), referenceRoot(left)];
}

/** SUBPROOF(m, D[n], b); PROOF(m, D[n]) is that with `true`. */
export function referenceProof(m: number, leaves: readonly Uint8Array[], b = true): Uint8Array[] {
  if (m === leaves.length) return b ? [] : [referenceRoot(leaves)];
  const k = split(leaves.length);
  const [left, right] = [leaves.slice(0, k), leaves.slice(k)];
  return m <= k
    ? [...referenceProof(m, left, b), referenceRoot(right)]
    : [...referenceProof(m - k, right, false), referenceRoot(left)];
}
