import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createSession } from './session.ts';
import {
  makeTemporaryVault,
  openParts,
  openSession,
  openTemporaryVault,
  OWNER,
  type TemporaryVault,
} from '../testing/temporary-vault.ts';

let place: TemporaryVault;
beforeEach(async () => {
  place = await makeTemporaryVault();
});
afterEach(() => place.remove());

const address = { environment: 'production', path: 'db/password' };

describe('closing a vault', () => {
  it('finishes what is under way, in the order in which it came', async () => {
    const { vault, session } = await openSession(place);
    const writing = session.secrets.write({ ...address, value: 'one' });
    const reading = session.secrets.read(address);
    await vault.close();
    await expect(writing).resolves.toMatchObject({ version: 1 });
    await expect(reading).resolves.toMatchObject({ version: 1 });
  });

  it('finishes a call that is still being prepared', async () => {
    const { vault, session } = await openSession(place);
    const verifying = session.audit.verify();
    await vault.close();
    await expect(verifying).resolves.toMatchObject({ secrets: 0 });
  });

  it('refuses every later call with vault_closed', async () => {
    const { vault, session } = await openSession(place);
    const closing = vault.close();
    await expect(session.secrets.read(address)).rejects.toMatchObject({ code: 'vault_closed' });
    await closing;
    await expect(session.health.read()).rejects.toMatchObject({ code: 'vault_closed' });
  });

  it('may be asked for twice, and frees the vault for the next', async () => {
    const { vault } = await openSession(place);
    await Promise.all([vault.close(), vault.close()]);
    await vault.close();
    const again = await openTemporaryVault(place);
    await again.close();
  });

  it('signs a checkpoint over every entry and puts the sealing on record last', async () => {
    const first = await openSession(place);
    await first.session.secrets.write({ ...address, value: 'one' });
    await first.vault.close();
    const parts = await openParts(place);
    expect(parts.log.checkpointSize).toBe(parts.log.size);
    const { entries } = await parts.as(OWNER).audit.query({ limit: 1 });
    expect(entries[0]?.action).toBe('vault.seal');
    expect(entries[0]?.state).toBeTypeOf('string');
    await parts.vault.close();
  });

  it('lets many vaults of one process be open side by side', async () => {
    const other = await makeTemporaryVault();
    const [a, b] = await Promise.all([openTemporaryVault(place), openTemporaryVault(other)]);
    const session = createSession(b, { principal: OWNER }, 'cli');
    await session.secrets.write({ ...address, value: 'other' });
    const mine = createSession(a, { principal: OWNER }, 'cli');
    await expect(mine.secrets.read(address)).rejects.toMatchObject({ code: 'secret_not_found' });
    await Promise.all([a.close(), b.close()]);
    other.remove();
  });
});
