import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { versionDeleted } from '../domain/secrets/versions.ts';
import { StrongroomError } from '../errors.ts';
import { init, open, type Session, type Vault } from '../index.ts';
import { nearest, withSuggestion } from './suggest.ts';

describe('the nearest name', () => {
  const names = ['STRIPE_KEY', 'STRIPE_WEBHOOK_SECRET', 'PORT'];
  test.each([
    ['STRIPE_KYE', 'STRIPE_KEY'],
    ['stripe_key', 'STRIPE_KEY'],
    ['WEBHOOK', 'STRIPE_WEBHOOK_SECRET'],
    ['PROT', 'PORT'],
    ['DATABASE_URL', undefined],
    ['', undefined],
  ])('to %j is %j', (typed, near) => {
    expect(nearest(typed, names)).toBe(near);
  });
});

describe('a hint at another name', () => {
  let directory: string;
  let vault: Vault;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'strongroom-suggest-'));
    const place = { path: join(directory, 'vault'), configDirectory: directory };
    await init({ ...place, owner: 'ada' });
    vault = await open(place);
    const at = { environment: 'production', path: 'STRIPE_KEY' };
    await vault.as({ principal: 'ada' }).secrets.write({ ...at, value: 'not-a-real-key' });
  });
  afterAll(async () => {
    await vault.close();
    rmSync(directory, { recursive: true, force: true });
  });

  async function hintFor(session: Session, path: string, environment: string): Promise<unknown> {
    const at = { workspace: undefined, environment, path };
    const error = await withSuggestion(session, at, () =>
      session.secrets.read({ environment, path }),
    ).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StrongroomError);
    expect((error as StrongroomError).code).toBe('secret_not_found');
    return (error as StrongroomError).hint;
  }

  test('is given to who may list', async () => {
    const session = vault.as({ principal: 'ada' });
    expect(await hintFor(session, 'STRIPE_KYE', 'production')).toBe('did you mean STRIPE_KEY?');
    expect(await hintFor(session, 'STRIPE_KEY', 'staging')).toBe(
      'it is in production: use -e production',
    );
  });

  test('never names the same secret', async () => {
    const session = vault.as({ principal: 'ada' });
    const at = { workspace: undefined, environment: 'production', path: 'STRIPE_KEY' };
    const gone = new StrongroomError('secret_not_found', 'there is no such secret', {
      hint: 'another reason',
    });
    const error = await withSuggestion(session, at, () => Promise.reject(gone)).catch(
      (thrown: unknown) => thrown,
    );
    expect(String((error as StrongroomError).hint)).not.toContain('did you mean STRIPE_KEY?');
  });

  test('is the whole command for a version that was deleted', async () => {
    const session = vault.as({ principal: 'ada' });
    const at = { workspace: 'default', environment: 'production', path: 'STRIPE_KEY' };
    const gone = new StrongroomError('secret_deleted', 'version 2 was deleted', {
      details: { version: 2 },
    });
    const error = await withSuggestion(session, at, () => Promise.reject(gone)).catch(
      (thrown: unknown) => thrown,
    );
    expect((error as StrongroomError).hint).toContain(
      'strongroom undelete STRIPE_KEY -e production -w default --version 2',
    );
  });

  test('leaves a version that was deleted in a folder to the error', async () => {
    const session = vault.as({ principal: 'ada' });
    const at = { workspace: 'default', environment: 'production', path: 'payments/' };
    const error = await withSuggestion(session, at, () => Promise.reject(versionDeleted(2))).catch(
      (thrown: unknown) => thrown,
    );
    expect((error as StrongroomError).hint).toBe(
      'restore it with `strongroom undelete` and --version 2, or get another version',
    );
  });

  test('is not given to who may read and not list', async () => {
    const session = vault.as({ principal: 'ada', can: ['read'] });
    expect(await hintFor(session, 'STRIPE_KYE', 'production')).toBeUndefined();
    expect(await hintFor(session, 'STRIPE_KEY', 'staging')).toBeUndefined();
  });
});
