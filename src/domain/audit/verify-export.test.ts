import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toBase64, fromBase64 } from '../../lib/base64.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { formatCheckpoint } from '../../merkle/checkpoint.ts';
import { leafHash } from '../../merkle/hash.ts';
import { signNote } from '../../merkle/note.ts';
import { SampleAuditLog } from '../../testing/sample-audit-log.ts';
import { readExportLines } from './read-export-lines.ts';
import { verifyExport, type VerifyReport } from './verify-export.ts';

const SIZE = 700;
const log = new SampleAuditLog(SIZE);
const other = new SampleAuditLog(SIZE);
const { verifierKeys } = log;
const invalid = expect.objectContaining({ code: 'invalid_input' });
const lines = log.exportLines();
const mixed = log.exportLines({ isHidden: (index) => index % 3 === 0, hiddenTiles: [1] });

/** Line of an entry: a header before it, and a tile line for each full tile before it. */
function lineOf(index: number): number {
  return 1 + index + Math.floor(index / 256);
}

function verify(changed: readonly string[], checkpoint?: string): Promise<VerifyReport> {
  return verifyExport(
    changed,
    checkpoint === undefined ? { verifierKeys } : { verifierKeys, checkpoint },
  );
}

async function* broken(): AsyncGenerator<string> {
  yield* lines.slice(0, 3);
  await Promise.reject(new TypeError('disk'));
}

function fault(reason: string, badIndex?: number): unknown {
  const code = reason === 'checkpoint_unverifiable' || reason === 'not_comparable';
  const place = badIndex === undefined ? {} : { badIndex };
  const expected = { ok: false, code: code ? 'audit_unverifiable' : 'audit_tampered', reason };
  return expect.objectContaining({ ...expected, ...place });
}

function changeHashes(line: string, at: number): string {
  const tile: { hashes: string } = JSON.parse(line);
  const hashes = fromBase64(tile.hashes)!;
  hashes[at]! ^= 1;
  return canonicalJson({ ...tile, hashes: toBase64(hashes) });
}

describe('verifyExport', () => {
  it('verifies a whole export and says against what', async () => {
    expect(await verify(lines)).toStrictEqual({
      ok: true,
      origin: log.origin,
      size: SIZE,
      root: toBase64(log.tree().root()),
      shown: SIZE,
      hidden: 0,
      checkpointSize: SIZE,
      against: 'export',
    });
  });

  it('verifies an export that hides entries and whole tiles, and counts them', async () => {
    const hidden = 256 + [...Array(SIZE).keys()].filter((i) => i % 3 === 0 && i >> 8 !== 1).length;
    const expected = { ok: true, shown: SIZE - hidden, hidden };
    expect(await verify(mixed)).toMatchObject(expected);
  });

  it('verifies exports of every size around the ends of tiles', async () => {
    for (const size of [0, 1, 2, 255, 256, 257, 511, 512, 513]) {
      const report = await verify(log.exportLines({ size }));
      expect(report).toMatchObject({ ok: true, size, shown: size });
    }
  });

  it('verifies a hidden subtree of 65,536 entries', async () => {
    const large = new SampleAuditLog(65_540);
    const all = large.exportLines();
    const hash = toBase64(large.hashAt()(16, 0));
    const hidden = canonicalJson({ kind: 'hidden', level: 2, index: 0, hash });
    const keys = { verifierKeys: large.verifierKeys };
    const short = [all[0]!, hidden, ...all.slice(-6)];
    expect(await verifyExport(short, keys)).toMatchObject({ ok: true, shown: 4, hidden: 65_536 });
    expect(await verifyExport(all, keys)).toMatchObject({ ok: true, shown: 65_540 });
  });

  it('A90 names the index of an entry edited in place', async () => {
    for (const index of [0, 1, 254, 255, 256, 511, 512, 698, 699]) {
      const edited = log.entryLine(index, { outcome: 'denied' });
      const report = await verify(lines.with(lineOf(index), edited));
      expect(report).toStrictEqual(fault('entry_changed', index));
      expect(report).toMatchObject({ line: lineOf(index) + 1 });
    }
  });

  it('A90 names the first of several edited entries', async () => {
    const edited = [600, 300, 299, 699].reduce(
      (all, index) => all.with(lineOf(index), log.entryLine(index, { ip: '192.0.2.1' })),
      lines,
    );
    expect(await verify(edited)).toStrictEqual(fault('entry_changed', 299));
  });

  it('A90 names the index of an entry that a hidden one was changed into another of', async () => {
    const changed = mixed.map((line) =>
      line.includes('"index":3,"kind":"hidden"')
        ? canonicalJson({ kind: 'hidden', level: 0, index: 3, hash: toBase64(log.hashes[4]!) })
        : line,
    );
    expect(await verify(changed)).toStrictEqual(fault('entry_changed', 3));
  });

  it('A90 tells an altered tile line from an altered entry, and names the index of the hash', async () => {
    const changed = lines.with(lineOf(511) + 1, changeHashes(lines[lineOf(511) + 1]!, 32 * 44 + 7));
    const report = await verify(changed);
    expect(report).toStrictEqual(fault('tile_changed', 256 + 44));
    expect(report).toMatchObject({ line: lineOf(511) + 2 });
  });

  it('A90 tells an altered tile line also where whole tiles are hidden after it', async () => {
    const tileAt = mixed.findIndex((line) => line.includes('"kind":"tile"'));
    const changed = mixed.with(tileAt, changeHashes(mixed[tileAt]!, 32 * 17));
    expect(await verify(changed)).toStrictEqual(fault('tile_changed', 17));
  });

  it('A90 says that hashes and root differ where entry and tile were altered together', async () => {
    const entries = log.entries.with(42, log.entryLine(42, { outcome: 'denied' }));
    const tileHashes = entries.map((entry) => leafHash(new TextEncoder().encode(entry)));
    const changed = log.exportLines({ entries, tileHashes });
    const report = await verify(changed);
    expect(report).toStrictEqual(fault('root_mismatch'));
    expect(report).not.toHaveProperty('badIndex');
  });

  it('A90 a changed hash of a hidden tile does not give the root', async () => {
    const at = mixed.findIndex((line) => line.includes('"level":1'));
    const hash = toBase64(log.hashes[0]!);
    const hidden = canonicalJson({ kind: 'hidden', level: 1, index: 1, hash });
    expect(await verify(mixed.with(at, hidden))).toStrictEqual(fault('root_mismatch'));
  });

  it('A90 any flipped bit of the checkpoint is found', async () => {
    const note = log.note();
    const at = fc.nat(Buffer.byteLength(note) - 1);
    await fc.assert(
      fc.asyncProperty(at, fc.nat(7), async (at, bit) => {
        const flipped = Buffer.from(note);
        flipped[at]! ^= 1 << bit;
        const report = await verify(log.exportLines({ note: flipped.toString('utf8') }));
        expect(report.ok).toBe(false);
      }),
      { numRuns: 100 },
    );
  });

  it('names the place of a removed, repeated, added or exchanged entry', async () => {
    const at = lineOf(300);
    const [before, after] = [lines.slice(0, at), lines.slice(at)];
    const entry = lines[at]!;
    expect(await verify([...before, ...after.slice(1)])).toStrictEqual(
      fault('entry_out_of_place', 300),
    );
    expect(await verify([...before, entry, ...after])).toStrictEqual(
      fault('entry_out_of_place', 301),
    );
    expect(await verify([...before, log.entryLine(299), ...after])).toStrictEqual(
      fault('entry_out_of_place', 300),
    );
    expect(await verify([...before, after[1]!, entry, ...after.slice(2)])).toStrictEqual(
      fault('entry_out_of_place', 300),
    );
  });

  it('names an entry that is missing or too many at the end of a tile and of the log', async () => {
    for (const [index, next] of [
      [255, 256],
      [699, 700],
    ] as const) {
      const at = lineOf(index);
      expect(await verify(lines.toSpliced(at, 1))).toStrictEqual(fault('line_misplaced', index));
      const more = lines.toSpliced(at + 1, 0, log.entryLine(next));
      expect(await verify(more)).toStrictEqual(fault('line_misplaced', next));
    }
  });

  it('A89 an entry of another log is refused by its index', async () => {
    const changed = lines.with(lineOf(7), other.entries[7]!);
    expect(await verify(changed)).toStrictEqual(fault('entry_of_another_log', 7));
  });

  it('A89 an entry at another index is refused by its index', async () => {
    const changed = lines.with(lineOf(7), log.entries[8]!);
    expect(await verify(changed)).toStrictEqual(fault('entry_out_of_place', 7));
  });

  it('A89 an export of another origin is refused', async () => {
    const header = canonicalJson({
      kind: 'strongroom-audit-export',
      v: 1,
      origin: other.origin,
      size: SIZE,
    });
    const keys = verifierKeys + other.verifierKeys;
    expect(await verifyExport(lines.with(0, header), { verifierKeys: keys })).toStrictEqual(
      fault('entry_of_another_log', 0),
    );
    await expect(verify(other.exportLines())).rejects.toThrow(invalid);
    expect(await verify(log.exportLines({ note: other.note() }))).toStrictEqual(
      fault('checkpoint_mismatch'),
    );
    const taken = await verifyExport(log.exportLines({ note: other.note() }), {
      verifierKeys: keys,
    });
    expect(taken).toStrictEqual(fault('checkpoint_mismatch'));
    const empty = await verifyExport(log.exportLines({ size: 0, note: other.note(0) }), {
      verifierKeys: keys,
    });
    expect(empty).toStrictEqual(fault('checkpoint_mismatch'));
  });

  it('A89 an older checkpoint of the same log is refused', async () => {
    const older = log.exportLines({ note: log.note(SIZE - 1) });
    expect(await verify(older)).toStrictEqual(fault('checkpoint_mismatch'));
  });

  it('A89 a file cut at any line is refused, with the first index that is missing', async () => {
    for (let count = 0; count < lines.length; count += 1) {
      const report = await verify(lines.slice(0, count));
      const missing = count === 0 ? undefined : log.entries.indexOf(lines[count]!);
      const reason = count === 0 ? 'not_an_export' : 'truncated';
      expect(report).toStrictEqual(fault(reason, missing === -1 ? undefined : missing));
    }
  });

  it('A89 anything after the checkpoint is refused', async () => {
    for (const more of ['', ' ', lines.at(-1)!, '{}', 'garbage', log.entryLine(SIZE)]) {
      expect(await verify([...lines, more])).toStrictEqual(fault('line_after_end'));
    }
  });

  it('A89 random bytes are refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), async (bytes) => {
        const report = await verifyExport(readExportLines([bytes]), { verifierKeys });
        expect(report.ok).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  it('A89 entry lines that are not canonical JSON are refused by their index', async () => {
    const entry = log.entries[9]!;
    const twice = entry.replace('{', '{"action":"secrets.read",');
    const others = [
      twice,
      ` ${entry}`,
      `${entry}\r`,
      entry.replace('ä', String.raw`\u00e4`),
      entry.replace('"seq":9', '"seq":9.0'),
      entry.replace('"v":1', '"v":2'),
      '[]',
      'null',
      '9',
    ];
    for (const line of others) {
      const report = await verify(lines.with(lineOf(9), line));
      expect(report).toStrictEqual(fault('line_malformed', 9));
    }
    const later = log.entries[8]!;
    expect(later).toContain('"v":2');
    for (const v of [1, 3]) {
      const report = await verify(lines.with(lineOf(8), later.replace('"v":2', `"v":${v}`)));
      expect(report).toStrictEqual(fault('line_malformed', 8));
    }
  });

  it('A89 a line of another kind, version or with further members is refused', async () => {
    const header: object = JSON.parse(lines[0]!);
    for (const more of [{ v: 2 }, { more: 1 }, { size: -1 }, { size: '700' }, { size: 1e300 }]) {
      const changed = lines.with(0, canonicalJson({ ...header, ...more }));
      expect(await verify(changed)).toStrictEqual(fault('not_an_export'));
    }
    const tileAt = lineOf(255) + 1;
    const tile: object = JSON.parse(lines[tileAt]!);
    for (const more of [{ level: 1 }, { more: 1 }, { index: 0.5 }, { hashes: 'AA' }]) {
      const changed = lines.with(tileAt, canonicalJson({ ...tile, ...more }));
      expect(await verify(changed)).toStrictEqual(fault('line_malformed'));
    }
    for (const more of [{ index: 1 }, { hashes: '' }]) {
      const changed = lines.with(tileAt, canonicalJson({ ...tile, ...more }));
      expect(await verify(changed)).toStrictEqual(fault('line_misplaced'));
    }
    const hash = toBase64(log.hashes[9]!);
    const hidden = canonicalJson({ kind: 'hidden', level: 0, index: 9, hash, more: 1 });
    expect(await verify(lines.with(lineOf(9), hidden))).toStrictEqual(fault('line_malformed', 9));
    const checkpoint = canonicalJson({ kind: 'checkpoint', note: log.note(), more: 1 });
    expect(await verify(lines.with(lines.length - 1, checkpoint))).toStrictEqual(
      fault('line_malformed'),
    );
    const unknown = lines.with(5, canonicalJson({ kind: 'comment' }));
    expect(await verify(unknown)).toStrictEqual(fault('line_malformed', 4));
    expect(await verify(lines.toSpliced(tileAt, 1))).toStrictEqual(fault('line_misplaced', 256));
    expect(await verify(lines.toSpliced(lines.length - 2, 1))).toStrictEqual(
      fault('line_misplaced'),
    );
  });

  it('A89 a hidden subtree that does not belong where it stands is refused', async () => {
    const hash = toBase64(log.hashes[0]!);
    const hide = (level: number, index: number): string =>
      canonicalJson({ kind: 'hidden', level, index, hash });
    const places = [
      [lineOf(9), hide(0, 10), 9],
      [lineOf(9), hide(0, 8), 9],
      [lineOf(9), hide(1, 0), 9],
      [lineOf(256), hide(1, 0), 256],
      [lineOf(512), hide(1, 2), 512],
      [lineOf(0), hide(2, 0), 0],
    ] as const;
    for (const [at, line, badIndex] of places) {
      expect(await verify(lines.with(at, line))).toStrictEqual(fault('hidden_misplaced', badIndex));
    }
    for (const line of [hide(7, 0), hide(-1, 9), hide(0.5, 9)]) {
      expect(await verify(lines.with(lineOf(9), line))).toStrictEqual(fault('line_malformed', 9));
    }
  });

  it('A89 a forged export does not verify under one good signature or under fresh keys', async () => {
    const one = log.exportLines({ note: log.note(SIZE, log.signers.slice(0, 1)) });
    expect(await verify(one)).toStrictEqual(fault('checkpoint_invalid'));
    const root = log.tree().root();
    const text = formatCheckpoint({ origin: log.origin, size: SIZE, root });
    const { signers } = new SampleAuditLog(0, log.logId);
    const fresh = log.exportLines({ note: signNote(text, signers) });
    expect(await verify(fresh)).toStrictEqual(fault('checkpoint_unverifiable'));
    const foreign = log.exportLines({ note: signNote(text, other.signers) });
    expect(await verify(foreign)).toStrictEqual(fault('checkpoint_invalid'));
  });

  it('refuses, as wrong use, a key file without exactly one key of each type for the origin', async () => {
    const [classic = '', quantum = ''] = verifierKeys.split('\n');
    const second = new SampleAuditLog(0, log.logId).verifierKeys;
    for (const file of ['', `${classic}\n`, `${quantum}\n`, verifierKeys + second]) {
      await expect(verifyExport(lines, { verifierKeys: file })).rejects.toThrow(invalid);
    }
    await expect(verifyExport(lines, { verifierKeys: other.verifierKeys })).rejects.toThrow(
      invalid,
    );
    const both = { verifierKeys: other.verifierKeys + verifierKeys };
    expect(await verifyExport(lines, both)).toMatchObject({ ok: true });
  });

  it('A89 an entry with a member outside the list, or a value that is no text or number, is refused', async () => {
    const extra = [{ value: 'x' }, { note: '' }, { detail: { value: 'x' } }, { count: [1] }];
    for (const more of [...extra, { detail: null }, { detail: true }]) {
      const entries = log.entries.with(9, log.entryLine(9, more));
      const tileHashes = entries.map((entry) => leafHash(new TextEncoder().encode(entry)));
      const tree = log.tree(0);
      for (const hash of tileHashes) tree.append(hash);
      const text = formatCheckpoint({ origin: log.origin, size: SIZE, root: tree.root() });
      const signed = log.exportLines({ entries, tileHashes, note: signNote(text, log.signers) });
      expect(await verify(signed)).toStrictEqual(fault('line_malformed', 9));
    }
  });

  it('lets an error of the source itself through', async () => {
    await expect(verifyExport(broken(), { verifierKeys })).rejects.toThrow(TypeError);
  });
});

describe('verifyExport against a checkpoint known from elsewhere', () => {
  it('A89 an export cut back to an older checkpoint verifies alone, and is found by a later one', async () => {
    const cut = log.exportLines({ size: 600 });
    expect(await verify(cut)).toMatchObject({ ok: true, against: 'export', checkpointSize: 600 });
    expect(await verify(cut, log.note())).toStrictEqual(fault('cut', 600));
  });

  it('an export that reaches the checkpoint verifies against it', async () => {
    for (const size of [0, 1, 256, 300, 699, 700]) {
      const expected = { ok: true, against: 'given checkpoint', checkpointSize: size };
      expect(await verify(lines, log.note(size))).toMatchObject(expected);
    }
  });

  it('A89 a rewritten history is found, though it is signed by the log itself', async () => {
    for (const index of [0, 299, 699]) {
      const entries = log.entries.with(index, log.entryLine(index, { outcome: 'denied' }));
      const tileHashes = entries.map((entry) => leafHash(new TextEncoder().encode(entry)));
      const tree = log.tree(0);
      for (const hash of tileHashes) tree.append(hash);
      const text = formatCheckpoint({ origin: log.origin, size: SIZE, root: tree.root() });
      const forged = log.exportLines({ entries, tileHashes, note: signNote(text, log.signers) });
      expect(await verify(forged)).toMatchObject({ ok: true });
      expect(await verify(forged, log.note(SIZE))).toStrictEqual(fault('forked'));
      expect(await verify(forged, log.note(index + 1))).toStrictEqual(fault('forked'));
      expect(await verify(forged, log.note(index))).toMatchObject({ ok: true });
    }
  });

  it('an export that hides the place where the checkpoint ends is not said to be good', async () => {
    expect(await verify(mixed, log.note(300))).toStrictEqual(fault('not_comparable'));
    expect(await verify(mixed, log.note(512))).toMatchObject({ ok: true });
    expect(await verify(mixed, log.note(100))).toMatchObject({ ok: true });
  });

  it('A89 a checkpoint of another log, of unknown keys or of no form at all is refused', async () => {
    expect(await verify(lines, other.note())).toStrictEqual(fault('checkpoint_mismatch'));
    expect(await verify(lines, 'garbage')).toStrictEqual(fault('checkpoint_invalid'));
    const root = log.tree().root();
    const fresh = signNote(
      formatCheckpoint({ origin: log.origin, size: SIZE, root }),
      new SampleAuditLog(0, log.logId).signers,
    );
    expect(await verify(lines, fresh)).toStrictEqual(fault('checkpoint_unverifiable'));
    const options = { verifierKeys: verifierKeys + other.verifierKeys, checkpoint: other.note() };
    expect(await verifyExport(lines, options)).toStrictEqual(fault('checkpoint_mismatch'));
  });
});

describe('verifyExport under mutation', () => {
  const spot = fc.double({ min: 0, max: 0.999_999, noNaN: true });
  const mutation = fc.oneof(
    fc.record({ kind: fc.constant('flip' as const), at: spot, bit: fc.nat(7) }),
    fc.record({ kind: fc.constant('truncate' as const), at: spot }),
    fc.record({ kind: fc.constant('drop' as const), at: spot }),
    fc.record({ kind: fc.constant('duplicate' as const), at: spot, to: spot }),
    fc.record({ kind: fc.constant('swap' as const), at: spot, to: spot }),
    fc.record({
      kind: fc.constant('insert' as const),
      at: spot,
      line: fc.string({ unit: 'binary' }),
    }),
  );
  const source = fc.constantFrom(lines, mixed, lines, log.exportLines({ size: 3 }));

  it(
    'A89 no single flipped bit, cut, dropped, repeated, exchanged or added line of a valid export verifies',
    { timeout: 300_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(source, mutation, async (from, change) => {
          const file = mutate(from, change);
          fc.pre(!file.equals(fileOf(from)));
          expect(await isRefused(file)).toBe(true);
        }),
        { numRuns: 2000 },
      );
    },
  );

  it('an unchanged file verifies, read in chunks of any size', async () => {
    const file = fileOf(mixed);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 70_000 }), async (step) => {
        const chunks = Array.from({ length: Math.ceil(file.length / step) }, (_, i) =>
          file.subarray(i * step, (i + 1) * step),
        );
        expect(await verifyExport(readExportLines(chunks), { verifierKeys })).toMatchObject({
          ok: true,
        });
      }),
      { numRuns: 20 },
    );
  });
});

type Mutation =
  | { kind: 'flip'; at: number; bit: number }
  | { kind: 'truncate' | 'drop'; at: number }
  | { kind: 'duplicate' | 'swap'; at: number; to: number }
  | { kind: 'insert'; at: number; line: string };

/** An export that gives another origin asks for other keys, which is wrong use. */
async function isRefused(file: Uint8Array): Promise<boolean> {
  try {
    return !(await verifyExport(readExportLines([file]), { verifierKeys })).ok;
  } catch (error) {
    expect(error).toStrictEqual(invalid);
    return true;
  }
}

function fileOf(all: readonly string[]): Buffer {
  return Buffer.from(`${all.join('\n')}\n`);
}

function mutate(from: readonly string[], change: Mutation): Buffer {
  const bytes = fileOf(from);
  const at = Math.floor(change.at * from.length);
  const line = from[at] ?? '';
  switch (change.kind) {
    case 'flip':
      bytes[Math.floor(change.at * bytes.length)]! ^= 1 << change.bit;
      return bytes;
    case 'truncate':
      return bytes.subarray(0, Math.floor(change.at * bytes.length));
    case 'drop':
      return fileOf(from.toSpliced(at, 1));
    case 'duplicate':
      return fileOf(from.toSpliced(Math.floor(change.to * (from.length + 1)), 0, line));
    case 'swap': {
      const to = Math.floor(change.to * from.length);
      return fileOf(from.with(at, from[to] ?? '').with(to, line));
    }
    default:
      return fileOf(from.toSpliced(at, 0, change.line));
  }
}
