import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { StrongroomError } from '../errors.ts';
import { SecretValue } from '../secret-value.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  type OpenParts,
  type TemporaryVault,
} from '../testing/temporary-vault.ts';
import type { EnvironmentSession } from './environment.ts';
import { followValues } from './followed-values.ts';
import type { Session } from './session.ts';

let place: TemporaryVault;
let parts: OpenParts;
let owner: Session;
beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  owner = parts.as(OWNER);
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

const set = (environment: string, path: string, value: string | object): Promise<unknown> =>
  owner.secrets.write({ environment, path, value: value as string });

function textOf(value: SecretValue): string {
  using held = value;
  return held.reveal();
}

let made = 0;
async function newEnvironment(secrets: Readonly<Record<string, string | object>>): Promise<string> {
  made += 1;
  const environment = `e${made}`;
  await owner.environments.create({ name: environment });
  for (const [path, value] of Object.entries(secrets)) await set(environment, path, value);
  return environment;
}

describe('values that are followed', () => {
  it('are those of now, each time that they are asked for', async () => {
    const environment = await newEnvironment({ A: 'a1', B: 'b', 'db/login': { user: 'u' } });
    const changed = vi.fn();
    await using values = await owner.environment(environment).follow({ changed });
    expect(values.paths).toEqual(['A', 'B', 'db/login']);
    const before = values.get('A');
    expect(textOf(values.get('db/login', { field: 'user' }))).toBe('u');
    await set(environment, 'A', 'a2');
    await expect.poll(() => textOf(values.get('A'))).toBe('a2');
    expect(changed.mock.calls).toEqual([[['A']]]);
    // What was handed out is whose it is.
    expect(textOf(before)).toBe('a1');
    expect(textOf(values.get('B'))).toBe('b');
    await set(environment, 'db/login', { user: 'u', password: 'p' });
    await owner.secrets.delete({ environment, path: 'B' });
    await set(environment, 'C', 'c');
    await expect
      .poll(() => changed.mock.calls.flat(2).toSorted((a, b) => (a < b ? -1 : 1)))
      .toEqual(['A', 'B', 'C', 'db/login']);
    expect(values.paths).toEqual(['A', 'C', 'db/login']);
    expect(textOf(values.get('db/login', { field: 'password' }))).toBe('p');
    expect(values.isFollowing).toBe(true);
  });

  it('are those that are named, also where they come from elsewhere', async () => {
    const base = await newEnvironment({ SHARED: 's1', OTHER: 'o' });
    const environment = await newEnvironment({ OWN: 'x' });
    await owner.imports.create({ environment, source: { environment: base } });
    const follow = { only: ['SHARED'] };
    await using values = await owner.environment(environment).follow(follow);
    expect(values.paths).toEqual(['SHARED']);
    await set(base, 'SHARED', 's2');
    await expect.poll(() => textOf(values.get('SHARED'))).toBe('s2');
  });

  it('say what is wrong with what is asked for', async () => {
    const environment = await newEnvironment({ A: 'a', login: { user: 'u' } });
    const values = await owner.environment(environment).follow({ except: ['A'] });
    expect(() => values.get('A')).toThrow(expect.objectContaining({ code: 'secret_not_found' }));
    expect(() => values.get('login')).toThrow(
      expect.objectContaining({
        code: 'invalid_input',
        hint: "name one: get('login', { field: 'user' })",
      }),
    );
    for (const field of ['none', '__proto__', 'constructor']) {
      expect(() => values.get('login', { field })).toThrow(
        expect.objectContaining({ code: 'field_not_found' }),
      );
    }
    await values.close();
    await values.close();
    expect(values.isFollowing).toBe(false);
    expect(values.paths).toEqual([]);
    expect(() => values.get('login')).toThrow(expect.objectContaining({ code: 'secret_wiped' }));
  });

  it('stay as they are where they may be followed no longer, which is told', async () => {
    const environment = await newEnvironment({ A: 'a1' });
    await owner.machines.create({ name: `m-${environment}` });
    const { id } = await owner.access.grant({
      subject: `machine:m-${environment}`,
      can: ['list', 'read'],
      pattern: `default/${environment}/**`,
    });
    const failed = vi.fn((error: StrongroomError) => [error.code, values.isFollowing]);
    const session = parts.as(`m-${environment}`);
    await using values = await session.environment(environment).follow({ failed });
    await owner.access.revoke({ grant: id });
    await expect.poll(() => failed.mock.results).toMatchObject([{ value: ['denied', false] }]);
    expect(values.isFollowing).toBe(false);
    expect(textOf(values.get('A'))).toBe('a1');
  });

  it('are not begun where they cannot be read, and nothing is followed then', async () => {
    const close = vi.fn(async () => undefined);
    const session = standIn(async () => {
      throw new StrongroomError('denied', 'no');
    }, close);
    await expect(followValues(session, { environment: 'x' }, {})).rejects.toMatchObject({
      code: 'denied',
    });
    expect(close).toHaveBeenCalledOnce();
  });

  it('stay as they are where new ones cannot be read, which is told, and not once they are closed', async () => {
    let asked = 0;
    const fails: (() => void)[] = [];
    const session = standIn(async () => {
      asked += 1;
      if (asked === 1) return SecretValue.text('one');
      await new Promise<void>((resolve) => fails.push(resolve));
      throw new StrongroomError(asked === 2 ? 'name_conflict' : 'denied', `try ${asked} failed`);
    });
    const failed = vi.fn((error: StrongroomError) => [error.code, values.isFollowing]);
    const values = await followValues(session, { environment: 'x' }, { failed });
    const failNext = async (times: number): Promise<void> => {
      session.ring();
      await expect.poll(() => [asked, fails.length]).toEqual([times, 1]);
    };
    await failNext(2);
    fails.shift()?.();
    await expect
      .poll(() => failed.mock.results)
      .toMatchObject([{ value: ['name_conflict', true] }]);
    expect(textOf(values.get('A'))).toBe('one');
    await failNext(3);
    await values.close();
    fails.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
    expect(failed).toHaveBeenCalledOnce();
  });

  it('are wiped when they are replaced, when nothing is new, and when they come too late', async () => {
    const given: SecretValue[] = [];
    const waiting: (() => void)[] = [];
    const texts = ['one', 'one', 'two', 'three'];
    const session = standIn(async () => {
      const value = SecretValue.text(texts[given.length] ?? '');
      if (given.length > 0) await new Promise<void>((resolve) => waiting.push(resolve));
      given.push(value);
      return value;
    });
    const values = await followValues(session, { environment: 'x' }, {});
    const readAgain = async (): Promise<void> => {
      session.ring();
      await expect.poll(() => waiting.length).toBe(1);
    };
    await readAgain();
    waiting.shift()?.();
    await expect.poll(() => given.map(isWiped)).toEqual([false, true]);
    await readAgain();
    waiting.shift()?.();
    await expect.poll(() => given.map(isWiped)).toEqual([true, true, false]);
    expect(textOf(values.get('A'))).toBe('two');
    await readAgain();
    await values.close();
    expect(given.map(isWiped)).toEqual([true, true, true]);
    waiting.shift()?.();
    await expect.poll(() => given.map(isWiped)).toEqual([true, true, true, true]);
  });

  it('are wiped at whatever moment they are closed', async () => {
    const closedAfter = async (turns: number): Promise<readonly boolean[]> => {
      const given: SecretValue[] = [];
      let release: (() => void) | undefined;
      const session = standIn(async () => {
        if (given.length > 0) await new Promise<void>((resolve) => (release = resolve));
        const value = SecretValue.text(`value ${given.length}`);
        given.push(value);
        return value;
      });
      const values = await followValues(session, { environment: 'x' }, {});
      session.ring();
      await expect.poll(() => release).toBeDefined();
      release?.();
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      await values.close();
      await expect.poll(() => given.length).toBe(2);
      await new Promise((resolve) => setImmediate(resolve));
      return given.map(isWiped);
    };
    const turns = Array.from({ length: 40 }, (_, index) => index);
    expect(await Promise.all(turns.map(closedAfter))).toEqual(turns.map(() => [true, true]));
  });
});

function isWiped(value: SecretValue): boolean {
  try {
    value.byteLength();
    return false;
  } catch {
    return true;
  }
}

/** A session of one secret, whose changes are rung for. */
function standIn(
  read: () => Promise<SecretValue>,
  closed: () => Promise<void> = async () => undefined,
): EnvironmentSession & { readonly ring: () => void } {
  let wake: ((isOpen: boolean) => void) | undefined;
  const stream = {
    close: async () => {
      wake?.(false);
      await closed();
    },
    async *[Symbol.asyncIterator]() {
      while (await new Promise<boolean>((resolve) => (wake = resolve))) {
        yield { id: '', type: 'reset' };
      }
    },
  };
  return {
    ring: () => wake?.(true),
    events: { open: async () => stream },
    environments: {
      resolve: async () => ({
        secrets: [{ path: 'A', kind: 'text', value: await read() }],
        leftOut: [],
      }),
    },
  } as unknown as EnvironmentSession & { readonly ring: () => void };
}
