import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { verifyExport, type VerifyReport } from '../../domain/audit/verify-export.ts';
import { mintToken } from '../../domain/identities/tokens.ts';
import {
  makeTemporaryVault,
  openParts,
  openTemporaryVault,
  OWNER,
  putRow,
  storedRows,
  tamper,
  type OpenParts,
  type StoredRow,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import { doDueWork } from '../due-work.ts';
import { createSystemSession, type Session } from '../session.ts';
import { readSecret } from './read-secret.ts';

const DAY = 24 * 60 * 60_000;
const IN_DEVELOPMENT = { environment: 'development' } as const;

let now = Date.parse('2026-01-01T00:00:00Z');
let place: TemporaryVault;
let parts: OpenParts;
let owner: Session;
beforeEach(async () => {
  place = await makeTemporaryVault({ now: () => now });
  parts = await openParts(place, { now: () => now });
  owner = parts.as(OWNER);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await parts.vault.close();
  place.remove();
});

const entries = (): StoredRow[] => tamper(place, (db) => storedRows(db, 'audit_entries'));
const write = (path: string, value: string): Promise<unknown> =>
  owner.secrets.write({ ...IN_DEVELOPMENT, path, value });
const reads = (count: number, path = 'A'): Promise<unknown> =>
  Promise.all(Array.from({ length: count }, () => owner.secrets.read({ ...IN_DEVELOPMENT, path })));
const prune = (): Promise<{ removed: number; finished: boolean }> =>
  createSystemSession(parts.vault).audit.prune();
const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'ok',
    (error: unknown) => (error as { readonly code?: string }).code,
  );

async function exported(): Promise<VerifyReport> {
  const lines: string[] = [];
  let checkpoint: string | undefined;
  for (let from: number | undefined = 0; from !== undefined;) {
    const part: Awaited<ReturnType<Session['audit']['export']>> = await owner.audit.export({
      from,
      checkpoint,
    });
    lines.push(...part.lines);
    ({ checkpoint, next: from } = part);
  }
  const { verifierKeys } = await owner.audit.key();
  return verifyExport(lines, { verifierKeys });
}

/** Two secrets, one changed again later, 600 reads; then a checkpoint outside, and some more. */
async function oldLog(): Promise<void> {
  await write('A', 'one');
  await write('B', 'one');
  await reads(600);
  now += 200 * DAY;
  await write('B', 'two');
  await reads(300);
  await owner.audit.checkpoint();
  await parts.vault.checkpoint();
  now += 200 * DAY;
  // Only the newest entry that vouches for the tables stands before what may be removed.
  await owner.users.create({ name: `u${String(now)}` });
}

describe('the retention of audit entries', () => {
  it('removes the text of old entries, and the log still verifies', async () => {
    await oldLog();
    const before = entries().length;
    expect(await prune()).toEqual({ removed: 511, finished: true });
    expect(entries()).toHaveLength(before - 511 + 1);
    // What the row of A is held against stays; that of B was said again later.
    const kept = entries().filter(({ seq }) => Number(seq) < 512);
    expect(kept.map(({ body }) => (JSON.parse(String(body)) as { path: string }).path)).toEqual([
      'A',
    ]);
    expect(await owner.audit.verify()).toMatchObject({ secrets: 2 });
    const report = await exported();
    expect(report).toMatchObject({ ok: true, hidden: 511 });
    expect(await prune()).toEqual({ removed: 0, finished: true });
    await parts.vault.close();
    await (await openTemporaryVault(place, { now: () => now })).close();
    parts = await openParts(place, { now: () => now });
    owner = parts.as(OWNER);
    expect(await owner.audit.verify()).toMatchObject({ secrets: 2 });
    const { entries: found } = await owner.audit.query({ path: 'A', limit: 1000 });
    expect(found.at(-1)).toMatchObject({ action: 'secrets.write' });
    expect(await codeOf(owner.audit.proof({ seq: 5 }))).toBe('entry_not_found');
  });

  it('goes on where it stopped, and takes back what was kept once it is said again', async () => {
    await oldLog();
    await prune();
    await write('A', 'two');
    await reads(300);
    await parts.vault.checkpoint();
    now += 400 * DAY;
    await owner.users.create({ name: 'late' });
    expect(await prune()).toMatchObject({ finished: true });
    const kept = entries().filter(({ seq }) => Number(seq) < 1024);
    // Of each secret the last that was said, of whichever age.
    expect(kept.length).toBeLessThanOrEqual(2);
    expect(await owner.audit.verify()).toMatchObject({ secrets: 2 });
    expect(await exported()).toMatchObject({ ok: true });
  });

  it('does not go on where an entry that was kept is gone', async () => {
    await oldLog();
    await prune();
    tamper(place, (db) => db.exec('DELETE FROM audit_entries WHERE seq < 512'));
    await reads(300);
    await parts.vault.checkpoint();
    now += 400 * DAY;
    await owner.users.create({ name: 'late' });
    expect(await codeOf(prune())).toBe('audit_tampered');
  });

  it('is as long as the setting says; 0 keeps everything', async () => {
    await oldLog();
    await owner.settings.write({ name: 'audit_retention_days', value: 0 });
    expect(await prune()).toEqual({ removed: 0, finished: true });
    await owner.settings.write({ name: 'audit_retention_days', value: 500 });
    expect(await prune()).toEqual({ removed: 0, finished: true });
    await owner.settings.write({ name: 'audit_retention_days', value: 399 });
    expect(await prune()).toMatchObject({ removed: 511 });
    await owner.settings.write({ name: 'audit_retention_days', value: 199 });
    // One tile more, of which what was last said of B is kept.
    expect((await prune()).removed).toBe(255);
  });

  it('never goes beyond the newest checkpoint that is kept outside', async () => {
    await write('A', 'one');
    await reads(200);
    await parts.vault.checkpoint();
    await reads(400);
    now += 400 * DAY;
    // The log itself has a later checkpoint; what counts is the one outside.
    await owner.audit.checkpoint();
    await owner.users.create({ name: 'late' });
    expect(await prune()).toEqual({ removed: 0, finished: true });
    await parts.vault.checkpoint();
    expect((await prune()).removed).toBeGreaterThan(0);
  });

  it('is nobody’s to begin who may not administer the log', async () => {
    await owner.users.create({ name: 'eve' });
    await owner.roles.assign({ name: 'auditor', member: 'user:eve', wholeVault: true });
    expect(await codeOf(parts.as('eve').audit.prune())).toBe('denied');
  });

  it('does not hide that an entry was altered before it is removed', async () => {
    await oldLog();
    tamper(place, (db) =>
      db.exec(`UPDATE audit_entries SET body = replace(body, '"revision":1', '"revision":2')`),
    );
    expect(await codeOf(prune())).toBe('audit_tampered');
    expect(entries().filter(({ seq }) => Number(seq) < 256)).toHaveLength(256);
  });

  it.each([
    ['an entry that was kept', 'DELETE FROM audit_entries WHERE seq < 512'],
    ['an entry after those that were removed', 'DELETE FROM audit_entries WHERE seq = 700'],
    ['a tile of those that were removed', 'DELETE FROM audit_tiles WHERE level = 0 AND tile = 0'],
    [
      'a hash of those that were removed',
      'UPDATE audit_tiles SET hashes = zeroblob(8192) WHERE level = 0 AND tile = 1',
    ],
    [
      'the entry that says what was removed',
      `DELETE FROM audit_entries WHERE body LIKE '{"action":"audit.prune"%'`,
    ],
  ])('leaves nothing unnoticed: without %s it does not verify', async (_what, change) => {
    await oldLog();
    await prune();
    tamper(place, (db) => db.exec(change));
    expect(await codeOf(owner.audit.verify())).toBe('audit_tampered');
    // A log without its newest entries signs nothing any more, also not at closing.
    await parts.vault.close().catch(() => undefined);
    parts = { ...parts, vault: { close: () => Promise.resolve() } as never };
  });

  it('leaves the newest entry that vouches for the tables, and what follows it', async () => {
    await write('A', 'one');
    await reads(900);
    await parts.vault.checkpoint();
    now += 400 * DAY;
    expect(await prune()).toEqual({ removed: 0, finished: true });
    await owner.users.create({ name: 'late' });
    expect((await prune()).removed).toBeGreaterThan(500);
  });

  it('leaves no way to use a credential more often than the log says', async () => {
    await write('A', 'one');
    const { text } = await parts.write((work) =>
      mintToken(work, {
        kind: 'token',
        principal_id: work.actor,
        restore_id: '',
        principal_generation: 0,
        uses_left: 5,
      }),
    );
    const old = tamper(place, (db) => storedRows(db, 'tokens'));
    const caller = { context: { principal: '' }, face: 'rest', credential: text.reveal() } as const;
    for (let n = 0; n < 2; n += 1) {
      await parts.vault.call(readSecret, { ...caller }, { ...IN_DEVELOPMENT, path: 'A' });
    }
    await reads(600);
    await parts.vault.checkpoint();
    now += 400 * DAY;
    await owner.users.create({ name: 'late' });
    await prune();
    expect(await owner.audit.verify()).toMatchObject({ secrets: 1 });
    const kept = entries().filter(({ seq }) => Number(seq) < 512);
    // What was last said of the credential, and of the secret.
    expect(kept).toHaveLength(2);
    tamper(place, (db) => {
      for (const row of old) putRow(db, 'tokens', row);
    });
    expect(await codeOf(owner.audit.verify())).toBe('integrity_error');
  });

  it('leaves no way to put an old row of a secret back', async () => {
    await write('A', 'one');
    const old = tamper(place, (db) => storedRows(db, 'secrets'));
    await write('A', 'two');
    await reads(600);
    await parts.vault.checkpoint();
    now += 400 * DAY;
    await owner.users.create({ name: 'late' });
    tamper(place, (db) => {
      for (const row of old) putRow(db, 'secrets', row);
      db.exec('DELETE FROM versions WHERE version = 2');
    });
    await prune();
    expect(await codeOf(owner.audit.verify())).toBe('integrity_error');
  });

  it('begins as SECRET_AUDIT_RETENTION_DAYS says when a vault is made', async () => {
    const of = async (days: string): Promise<unknown> => {
      vi.stubEnv('SECRET_AUDIT_RETENTION_DAYS', days);
      const made = await makeTemporaryVault();
      try {
        const opened = await openParts(made);
        const name = 'audit_retention_days';
        const { settings } = await opened.as(OWNER).settings.read({ name });
        await opened.vault.close();
        return settings[0]?.value;
      } finally {
        made.remove();
      }
    };
    expect([await of(''), await of('30'), await of('0')]).toEqual([365, 30, 0]);
    for (const days of ['ten', '-1', '1.5', '99999']) {
      expect(await codeOf(of(days))).toBe('invalid_input');
    }
  });

  it('comes due', async () => {
    await oldLog();
    const attempts = { mayTry: () => true, succeeded: () => undefined, failed: () => undefined };
    const report = await doDueWork(createSystemSession(parts.vault), attempts);
    expect(report.done.audit).toBe(511);
  });

  it('leaves a vault that can be backed up and tried', async () => {
    await oldLog();
    await prune();
    expect(await codeOf(owner.backups.create({ directory: place.root }))).toBe('ok');
  });
});
