import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { init, open } from '../../index.ts';
import { StoredAuditLog } from '../../testing/stored-audit-log.ts';
import type { AuditEntry } from './entry.ts';
import { exportPart, type ExportPart, proveEntry } from './export.ts';
import { readExportLines } from './read-export-lines.ts';
import { verifyExport } from './verify-export.ts';
import { verifyProof } from './verify-proof.ts';

const SIZE = 600;

const all = (): boolean => true;

async function exportAll(
  stored: StoredAuditLog,
  note: string,
  { tiles = 1, maySee = all }: { tiles?: number; maySee?: (entry: AuditEntry) => boolean } = {},
): Promise<string[]> {
  const lines: string[] = [];
  let from: number | undefined = 0;
  while (from !== undefined) {
    const options = { from, tiles, maySee };
    const part: ExportPart = await stored.read((transaction) =>
      exportPart(transaction, stored.log, note, options),
    );
    lines.push(...part.lines);
    from = part.next;
  }
  return lines;
}

async function signedLog(size: number): Promise<{ stored: StoredAuditLog; note: string }> {
  const stored = await StoredAuditLog.create();
  await stored.append(size, (seq) => ({
    path: `db/${String(seq)}`,
    userAgent: 'käse "1"\n\u2028',
    workspace: seq % 3 === 0 ? 'secret' : 'default',
  }));
  return { stored, note: (await stored.checkpoint()) ?? '' };
}

describe('exportPart', () => {
  it('a log of 600 entries verifies offline, whatever the parts', async () => {
    const { stored, note } = await signedLog(SIZE);
    await using _ = stored;
    const { verifierKeys, origin } = stored.log;
    const whole = await exportAll(stored, note, { tiles: 100 });
    for (const tiles of [1, 2, 3]) {
      expect(await exportAll(stored, note, { tiles })).toStrictEqual(whole);
    }
    const file = new TextEncoder().encode(`${whole.join('\n')}\n`);
    const report = await verifyExport(readExportLines([file]), { verifierKeys, checkpoint: note });
    expect(report).toMatchObject({ ok: true, origin, size: SIZE, shown: SIZE, hidden: 0 });
  });

  it('verifies at every size around the ends of tiles, also under an older checkpoint', async () => {
    await using stored = await StoredAuditLog.create();
    const notes: string[] = [];
    for (const size of [1, 255, 256, 257, 512, 513]) {
      await stored.append(size - stored.log.size);
      notes.push((await stored.checkpoint()) ?? '');
    }
    const { verifierKeys } = stored.log;
    for (const note of notes) {
      const lines = await exportAll(stored, note);
      expect(await verifyExport(lines, { verifierKeys })).toMatchObject({ ok: true });
    }
  });

  it('hides what the reader may not see, and verifies still', async () => {
    const { stored, note } = await signedLog(SIZE);
    await using _ = stored;
    const { verifierKeys } = stored.log;
    const lines = await exportAll(stored, note, {
      maySee: (entry) => entry.workspace !== 'secret',
    });
    expect(lines.join('\n')).not.toContain('"workspace":"secret"');
    expect(await verifyExport(lines, { verifierKeys })).toMatchObject({
      ok: true,
      shown: 400,
      hidden: 200,
    });
  });

  it('A90 an entry or a tile altered in the database is found in the export', async () => {
    const { stored, note } = await signedLog(SIZE);
    await using _ = stored;
    const { verifierKeys } = stored.log;
    stored.tamper(`UPDATE audit_entries SET body = replace(body, '"ok"', '"on"') WHERE seq = 300`);
    const report = await verifyExport(await exportAll(stored, note), { verifierKeys });
    expect(report).toMatchObject({ ok: false, code: 'audit_tampered' });
  });

  it('a part begins with a tile, within the log', async () => {
    const { stored, note } = await signedLog(10);
    await using _ = stored;
    const invalid = expect.objectContaining({ code: 'invalid_input' });
    for (const from of [1, 255, 256]) {
      const options = { from, tiles: 1, maySee: all };
      const part = stored.read((transaction) => exportPart(transaction, stored.log, note, options));
      await expect(part).rejects.toThrow(invalid);
    }
  });
});

function prove(
  stored: StoredAuditLog,
  note: string,
  index: number,
  maySee: (entry: AuditEntry) => boolean = all,
): Promise<string> {
  return stored.read((transaction) => proveEntry(transaction, stored.log, note, { index, maySee }));
}

describe('proveEntry', () => {
  it('proves each entry under the newest checkpoint and under older ones', async () => {
    await using stored = await StoredAuditLog.create();
    for (const size of [1, 2, 255, 256, 300, 512, 600]) {
      await stored.append(size - stored.log.size);
      const note = (await stored.checkpoint()) ?? '';
      const indexes = [0, 1, 100, 254, 255, 256, 299, 511, 512, 599];
      for (const index of indexes.filter((index) => index < size)) {
        const report = verifyProof(await prove(stored, note, index), stored.log.verifierKeys);
        expect(report).toMatchObject({ ok: true, index, size });
      }
    }
  });

  it('has no proof of what the checkpoint does not reach, or the reader may not see', async () => {
    const { stored, note } = await signedLog(10);
    await using _ = stored;
    await stored.append(1);
    const missing = expect.objectContaining({ code: 'entry_not_found' });
    for (const index of [10, 11, 99]) {
      await expect(prove(stored, note, index)).rejects.toThrow(missing);
    }
    await expect(prove(stored, note, 3, () => false)).rejects.toThrow(missing);
  });

  it('A90 an entry altered in the database has no proof that verifies', async () => {
    const { stored, note } = await signedLog(SIZE);
    await using _ = stored;
    stored.tamper(`UPDATE audit_entries SET body = replace(body, '"ok"', '"on"') WHERE seq = 300`);
    const report = verifyProof(await prove(stored, note, 300), stored.log.verifierKeys);
    expect(report).toMatchObject({ ok: false, reason: 'not_included' });
  });
});

describe('the log of a vault', () => {
  it('is exported, proved, and verified offline by the key file that init wrote', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'strongroom-export-'));
    try {
      const options = { path: join(directory, 'v'), configDirectory: join(directory, 'c') };
      const { auditKeyFile } = await init({ ...options, owner: 'ada' });
      await using vault = await open(options);
      const { secrets, audit } = vault.as({ principal: 'ada' });
      await secrets.write({ environment: 'development', path: 'TOKEN', value: 'canary-value' });
      const reads = Array.from({ length: SIZE }, () =>
        secrets.read({ environment: 'development', path: 'TOKEN' }),
      );
      await Promise.all(reads);
      const lines: string[] = [];
      let part = await audit.export();
      for (;;) {
        lines.push(...part.lines);
        if (part.next === undefined) break;
        part = await audit.export({ from: part.next, checkpoint: part.checkpoint });
      }
      const verifierKeys = readFileSync(auditKeyFile ?? '', 'utf8');
      const { checkpoint } = await audit.checkpoint();
      const report = await verifyExport(lines, { verifierKeys, checkpoint: part.checkpoint });
      expect(report).toMatchObject({ ok: true, hidden: 0, against: 'given checkpoint' });
      expect(report).toMatchObject({ size: lines.length - 2 - 3 });
      expect(await verifyExport(lines, { verifierKeys, checkpoint })).toMatchObject({
        reason: 'cut',
      });
      expect(lines.join('\n')).not.toContain('canary-value');
      expect((await audit.key()).verifierKeys).toBe(verifierKeys);
      const { proof } = await audit.proof({ seq: 300 });
      expect(verifyProof(proof, verifierKeys)).toMatchObject({ ok: true, index: 300 });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
