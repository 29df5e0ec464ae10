import { describe, expect, it } from 'vitest';

import { StoredAuditLog } from '../../testing/stored-audit-log.ts';

async function threeEntriesAfterACheckpoint(): Promise<StoredAuditLog> {
  const stored = await StoredAuditLog.create();
  await stored.append(300);
  await stored.checkpoint();
  await stored.append(3);
  return stored;
}

describe('the end of the log that no checkpoint covers yet', () => {
  it('opens as it was written', async () => {
    await using stored = await threeEntriesAfterACheckpoint();
    await stored.reopen();
    expect(stored.log.size).toBe(303);
  });

  it('A90 is not forged: an entry that was added to the database is noticed', async () => {
    await using stored = await threeEntriesAfterACheckpoint();
    stored.tamper(
      `INSERT INTO audit_entries (log, seq, body)
       SELECT log, 303, replace(body, '"seq":302', '"seq":303') FROM audit_entries WHERE seq = 302`,
    );
    await expect(stored.reopen()).rejects.toMatchObject({ code: 'audit_tampered' });
  });

  it('A90 is not cut: entries that were removed are noticed', async () => {
    await using stored = await threeEntriesAfterACheckpoint();
    stored.tamper('DELETE FROM audit_entries WHERE seq >= 301');
    await expect(stored.reopen()).rejects.toMatchObject({ code: 'audit_tampered' });
  });

  it('A90 is not edited: an entry that says something else is noticed', async () => {
    await using stored = await threeEntriesAfterACheckpoint();
    stored.tamper(`UPDATE audit_entries SET body = replace(body, '"ok"', '"no"') WHERE seq = 301`);
    await expect(stored.reopen()).rejects.toMatchObject({ code: 'audit_tampered' });
  });

  it.each([
    ['without its head', 'DELETE FROM audit_heads'],
    ['with another size', 'UPDATE audit_heads SET size = size - 1'],
    ['with another MAC', 'UPDATE audit_heads SET mac = zeroblob(32)'],
    ['with another root', 'UPDATE audit_heads SET root = zeroblob(32)'],
  ])('is not believed %s', async (_, sql) => {
    await using stored = await threeEntriesAfterACheckpoint();
    stored.tamper(sql);
    await expect(stored.reopen()).rejects.toMatchObject({ code: 'audit_tampered' });
  });

  it('cannot be rewritten by removing the checkpoints', async () => {
    await using stored = await threeEntriesAfterACheckpoint();
    stored.tamper('DELETE FROM audit_checkpoints');
    stored.tamper(`UPDATE audit_entries SET body = replace(body, '"ok"', '"no"') WHERE seq = 5`);
    await expect(stored.reopen()).rejects.toMatchObject({ code: 'audit_tampered' });
  });
});
