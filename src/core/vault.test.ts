import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Capability } from '../domain/access/capability.ts';
import { StrongroomError } from '../errors.ts';
import type { Store } from '../store/store.ts';
import { createSession } from './session.ts';
import {
  makeTemporaryVault,
  openParts,
  openSession,
  openTemporaryVault,
  OWNER,
  type TemporaryVault,
} from '../testing/temporary-vault.ts';

/** A store's methods, to put others in their place. */
const storeMethods = (store: Store): Store => ({
  read: (work) => store.read(work),
  write: (work) => store.write(work),
  size: () => store.size(),
  check: () => store.check(),
  copy: (path) => store.copy(path),
  scrub: () => store.scrub(),
  reopen: () => store.reopen(),
  close: () => store.close(),
});

let place: TemporaryVault;
beforeEach(async () => {
  place = await makeTemporaryVault();
});
afterEach(() => place.remove());

const address = { environment: 'production', path: 'db/password' };

describe('whoever watches a vault', () => {
  it('changes nothing by what they throw', async () => {
    const seen: string[] = [];
    const throwing = (what: string) => (): never => {
      seen.push(what);
      throw new TypeError('a mistake of whoever watches');
    };
    const observer = { recorded: throwing('entry'), committed: throwing('commit') };
    const vault = await openTemporaryVault(place, { observer });
    const session = createSession(vault, { principal: OWNER }, 'library');
    await session.secrets.write({ ...address, value: 'v' });
    expect((await session.secrets.read(address)).value?.reveal()).toBe('v');
    expect(new Set(seen)).toEqual(new Set(['entry', 'commit']));
    await vault.close();
  });
});

describe('a caller', () => {
  it('is refused with a narrowing that is not a list of capabilities', async () => {
    const { vault } = await openSession(place);
    for (const can of [
      'no-read-please',
      ['read', 'fly'],
      [['read']],
      {},
      null,
      new Set(['read']),
    ]) {
      const context = { principal: OWNER, can } as never;
      expect(() => createSession(vault, context, 'library')).toThrow(TypeError);
    }
    for (const context of [undefined, null, {}, { principal: '' }, { principal: 7 }]) {
      expect(() => createSession(vault, context as never, 'library')).toThrow(TypeError);
    }
    await vault.close();
  });

  it('keeps the narrowing that it was made with', async () => {
    const { vault } = await openSession(place);
    const can: Capability[] = ['list'];
    const session = createSession(vault, { principal: OWNER, can }, 'library');
    can.push('write');
    await expect(session.secrets.write({ ...address, value: 'v' })).rejects.toMatchObject({
      code: 'denied',
    });
    await vault.close();
  });

  it('is what its context said the one time that it was asked', async () => {
    const { vault } = await openSession(place);
    const asked: string[] = [];
    const answers = { principal: OWNER, ip: '192.0.2.7', can: ['read'] };
    const flips = new Proxy(answers, {
      get: (members, name: keyof typeof answers) => {
        asked.push(name);
        return asked.indexOf(name) === asked.length - 1 ? members[name] : 7;
      },
    });
    const caller = vault.caller(flips as never, 'library');
    expect(new Set(asked).size).toBe(asked.length);
    expect(caller.context).toMatchObject(answers);
    expect(Object.isFrozen(caller.context) && Object.isFrozen(caller.context.can)).toBe(true);
    await vault.close();
  });
});

describe('closing a vault', () => {
  it('frees the vault for the next also when its files cannot be closed', async () => {
    const parts = await openParts(place, {
      through: (store) => ({
        ...storeMethods(store),
        close: async () => {
          await store.close();
          throw new StrongroomError('storage_failed', 'the disk');
        },
      }),
    });
    await expect(parts.vault.close()).rejects.toMatchObject({ code: 'storage_failed' });
    const again = await openTemporaryVault(place);
    await again.close();
  });

  it('counts refusals again that a failed transaction had told', async () => {
    let failing = false;
    const parts = await openParts(place, {
      through: (store) => ({
        ...storeMethods(store),
        write: (work) =>
          store.write(async (transaction) => {
            const result = await work(transaction);
            if (failing) throw new StrongroomError('storage_full', 'no space');
            return result;
          }),
      }),
    });
    const stranger = parts.as('mallory', { ip: '192.0.2.1' });
    failing = true;
    await expect(stranger.secrets.read(address)).rejects.toMatchObject({ code: 'audit_blocked' });
    failing = false;
    for (let n = 0; n < 3; n += 1) {
      await expect(stranger.secrets.read(address)).rejects.toMatchObject({
        code: 'principal_unknown',
      });
    }
    const { entries } = await parts.as(OWNER).audit.query({ action: 'secrets.read' });
    expect(entries.map(({ count }) => count)).toEqual([1]);
    await parts.vault.close();
    const again = await openSession(place);
    const told = await again.session.audit.query({ action: 'secrets.read' });
    expect(told.entries.reduce((sum, { count }) => sum + (count ?? 0), 0)).toBe(3);
    await again.vault.close();
  });

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
