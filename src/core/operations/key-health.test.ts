import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { fernetDecrypt, fernetEncrypt } from '../../crypto/fernet.ts';
import { utf8 } from '../../lib/bytes.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  storedRows,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { KeyRow } from '../../store/tables.ts';
import type { Session } from '../session.ts';

let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
beforeEach(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  session = parts.as(OWNER);
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

/** Everything that is stored but the record of calls. */
function stored(): unknown {
  return tamper(place, (db) =>
    db
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'audit%'")
      .all()
      .map(({ name }) => [name, storedRows(db, String(name))]),
  );
}

/** The keyring has the keys of workspaces as if another root key had wrapped them. */
function otherwiseWrapped(): void {
  const rows = tamper(place, (db) => storedRows(db, 'keys')) as unknown as KeyRow[];
  const { keyring } = parts;
  keyring.load(
    rows.map((row) =>
      row.purpose === 'workspace' ? { ...row, wrapped: row.wrapped.map((byte) => byte ^ 1) } : row,
    ),
  );
}

describe('the health of keys', () => {
  it('names the active key of the workspace, which was unwrapped just now', async () => {
    const { workspaces } = await session.keys.status();
    const before = Date.now();
    const { currentBackend, healthStatus } = await session.keys.health();
    expect(currentBackend).toBe('local');
    expect(healthStatus.local).toMatchObject({
      healthy: true,
      keyId: workspaces[0]?.keys[0]?.id,
    });
    expect(Date.parse(healthStatus.local.lastCheck)).toBeGreaterThanOrEqual(before);
    const { key } = await session.keys.rotate();
    expect((await session.keys.health()).healthStatus.local.keyId).toBe(key);
  });

  it('says so if the key cannot be unwrapped, also if it was before', async () => {
    await session.secrets.write({ environment: 'production', path: 'a', value: 'v' });
    const { keyId } = (await session.keys.health()).healthStatus.local;
    otherwiseWrapped();
    const { local } = (await session.keys.health()).healthStatus;
    expect(local).toMatchObject({ healthy: false, keyId });
  });

  it('is of a workspace that there is', async () => {
    await expect(session.keys.health({ workspace: 'none' })).rejects.toMatchObject({
      code: 'workspace_not_found',
    });
  });
});

describe('a Fernet key', () => {
  it('is a new one each time, and encrypts', async () => {
    const keys = await Promise.all([session.keys.generateFernet(), session.keys.generateFernet()]);
    const [one, other] = keys.map(({ key }) => key.reveal());
    expect(one).not.toBe(other);
    const token = fernetEncrypt(one ?? '', utf8('a text'), { nowMs: 0 });
    expect(fernetDecrypt(one ?? '', token, { nowMs: 0 })).toEqual(utf8('a text'));
  });

  it('changes nothing, and is on record without being there', async () => {
    const before = stored();
    const { key } = await session.keys.generateFernet();
    expect(stored()).toEqual(before);
    const { entries } = await session.audit.query({ action: 'keys.generateFernet' });
    expect(entries).toHaveLength(1);
    const bodies = tamper(place, (db) => JSON.stringify(storedRows(db, 'audit_entries')));
    expect(bodies).toContain('keys.generateFernet');
    expect(bodies).not.toContain(key.reveal());
  });

  it('is given once: there is no idempotency key for it', async () => {
    await expect(session.keys.generateFernet({}, { idempotencyKey: 'k' })).rejects.toMatchObject({
      code: 'invalid_input',
    });
  });
});
