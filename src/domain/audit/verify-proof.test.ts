import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toBase64 } from '../../lib/base64.ts';
import { inclusionProof } from '../../merkle/proof.ts';
import { SampleAuditLog } from '../../testing/sample-audit-log.ts';
import { type EntryProof, formatProof, verifyProof } from './verify-proof.ts';

const SIZE = 700;
const log = new SampleAuditLog(SIZE);
const other = new SampleAuditLog(10);
const hashAt = log.hashAt();
const { verifierKeys } = log;
const invalid = expect.objectContaining({ code: 'invalid_input' });

function proofOf(index: number, size: number = SIZE): EntryProof {
  const proof = inclusionProof(index, size, hashAt);
  return { entry: log.entries[index]!, index, proof, checkpoint: log.note(size) };
}

function fault(reason: string): unknown {
  return expect.objectContaining({ ok: false, reason });
}

/** A proof that gives another origin asks for other keys, which is wrong use. */
function isRefused(file: string): boolean {
  try {
    return !verifyProof(file, verifierKeys).ok;
  } catch (error) {
    expect(error).toStrictEqual(invalid);
    return true;
  }
}

describe('verifyProof', () => {
  it('verifies the proof of an entry under a checkpoint of its own or a later size', () => {
    for (const [index, size] of [
      [0, 1],
      [0, SIZE],
      [255, 256],
      [256, 300],
      [699, 700],
    ] as const) {
      expect(verifyProof(formatProof(proofOf(index, size)), verifierKeys)).toStrictEqual({
        ok: true,
        origin: log.origin,
        index,
        size,
        root: toBase64(log.tree(size).root()),
      });
    }
  });

  it('A89 refuses an entry that is another, of another index or of another log', () => {
    const good = proofOf(5);
    const fresh = log.note(SIZE, new SampleAuditLog(0, log.logId).signers);
    const cases = [
      [{ entry: log.entryLine(5, { outcome: 'denied' }) }, 'not_included'],
      [{ entry: log.entries[6]! }, 'entry_out_of_place'],
      [{ index: 6 }, 'entry_out_of_place'],
      [{ entry: other.entries[5]! }, 'entry_of_another_log'],
      [{ entry: log.exportLines()[0]! }, 'line_malformed'],
      [{ entry: `${good.entry}\n` }, 'line_malformed'],
      [{ proof: good.proof.slice(1) }, 'not_included'],
      [{ proof: good.proof.map((hash) => hash.slice(1)) }, 'not_included'],
      [{ checkpoint: log.note(SIZE - 1) }, 'not_included'],
      [{ checkpoint: log.note(SIZE, log.signers.slice(1)) }, 'checkpoint_invalid'],
      [{ checkpoint: fresh }, 'checkpoint_unverifiable'],
      [{ checkpoint: 'garbage' }, 'checkpoint_invalid'],
      [{ entry: log.entryLine(5, { value: 'x' }) }, 'line_malformed'],
    ] as const;
    for (const [change, reason] of cases) {
      const file = formatProof({ ...good, ...change });
      expect(verifyProof(file, verifierKeys)).toStrictEqual(fault(reason));
    }
    const taken = formatProof({ ...good, checkpoint: other.note() });
    expect(() => verifyProof(taken, verifierKeys)).toThrow(invalid);
    const keys = verifierKeys + other.verifierKeys;
    expect(verifyProof(taken, keys)).toStrictEqual(fault('entry_of_another_log'));
  });

  it('A89 refuses a file in which any bit is flipped', () => {
    const file = Buffer.from(formatProof(proofOf(300)));
    fc.assert(
      fc.property(fc.nat(file.length - 1), fc.nat(7), (at, bit) => {
        const flipped = Buffer.from(file);
        flipped[at]! ^= 1 << bit;
        expect(isRefused(flipped.toString('utf8'))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('refuses what is not a proof file', () => {
    const file = formatProof(proofOf(1));
    const bad = ['', '\n', '[]\n', 'null\n', file.slice(0, -1), ` ${file}`, `${file}\n`];
    const odd = ['"v":1}', '"v":2}', '"w":1}'].map((end) =>
      file.replace('"v":1}', `"more":1,${end}`),
    );
    for (const text of [...bad, ...odd]) {
      expect(verifyProof(text, verifierKeys)).toStrictEqual(fault('not_a_proof'));
    }
    const path: { proof: unknown[] } = JSON.parse(file);
    for (const proof of [[1], ['AA'], {}, null]) {
      const text = file.replace(JSON.stringify(path.proof), JSON.stringify(proof));
      expect(verifyProof(text, verifierKeys)).toStrictEqual(fault('not_a_proof'));
    }
  });
});
