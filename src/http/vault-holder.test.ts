import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { UnsealedVault } from '../core/vault.ts';
import { StrongroomError } from '../errors.ts';
import { SecretValue } from '../secret-value.ts';
import { makeTemporaryVault, type TemporaryVault } from '../testing/temporary-vault.ts';
import { VaultHolder } from './vault-holder.ts';

let place: TemporaryVault;
beforeEach(async () => {
  place = await makeTemporaryVault();
});
afterEach(() => {
  vi.restoreAllMocks();
  place.remove();
});

describe('a vault that a server holds', () => {
  it('is open with all that belongs to it, also where what was refused before cannot be recorded', async () => {
    const opened: string[] = [];
    const { path: directory, configDirectory } = place;
    const holder = new VaultHolder({
      directory,
      configDirectory,
      holder: 'a test',
      waitMs: 0,
      opened: ({ id }) => opened.push(id),
    });
    const wrong = { kind: 'env', key: SecretValue.text('00'.repeat(32)) } as const;
    await expect(holder.open([wrong], { ip: '192.0.2.1' })).rejects.toThrow(StrongroomError);
    const record = UnsealedVault.prototype.recordEvent;
    const refusals: unknown[] = [];
    vi.spyOn(UnsealedVault.prototype, 'recordEvent').mockImplementation(function fail(
      this: UnsealedVault,
      ...[action, fields, also]: Parameters<typeof record>
    ) {
      if (fields?.outcome !== 'failed') return record.call(this, action, fields, also);
      refusals.push(fields.ip);
      return Promise.reject(new StrongroomError('storage_full', 'no space is left'));
    });
    await expect(holder.open(undefined)).rejects.toMatchObject({ code: 'storage_full' });
    expect(refusals).toEqual(['192.0.2.1']);
    expect(holder.vault).toBeDefined();
    expect(opened).toEqual([holder.vault?.id]);
    await holder.close();
  });
});
