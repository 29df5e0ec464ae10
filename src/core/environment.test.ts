import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { StrongroomError } from '../errors.ts';
import type { SecretValue } from '../secret-value.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  type OpenParts,
  type TemporaryVault,
} from '../testing/temporary-vault.ts';
import type { VaultEnvironment } from './environment.ts';
import type { Session } from './session.ts';

let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
let count = 0;
beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  session = parts.as(OWNER);
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

/** A new environment with these secrets. */
async function environmentWith(
  secrets: Readonly<Record<string, string | Uint8Array | Record<string, string>>>,
): Promise<VaultEnvironment> {
  count += 1;
  const environment = `e${count}`;
  await session.environments.create({ name: environment });
  for (const [path, value] of Object.entries(secrets)) {
    await session.secrets.write({ environment, path, value });
  }
  return session.environment(environment);
}

function textOf(value: SecretValue): string {
  using held = value;
  return held.reveal();
}

async function failure(work: Promise<unknown>): Promise<StrongroomError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof StrongroomError) return error;
    throw error;
  }
  throw new TypeError('it did not fail');
}

describe('an environment as an application uses it', () => {
  it('gives one value, and a field where there are fields', async () => {
    const app = await environmentWith({ A: 'a', login: { user: 'u', password: 'p' } });
    expect(textOf(await app.get('A'))).toBe('a');
    expect(textOf(await app.get('login', { field: 'password' }))).toBe('p');
    expect(await failure(app.get('login'))).toMatchObject({
      code: 'invalid_input',
      hint: "name one: get('login', { field: 'password' })",
    });
    expect((await failure(app.get('NONE'))).code).toBe('secret_not_found');
    expect((await failure(app.get('login', { field: 'x' }))).code).toBe('field_not_found');
  });

  it('gives all values, by path and field', async () => {
    const app = await environmentWith({ 'a/A': 'a', login: { user: 'u' }, __proto: 'x' });
    const all = await app.all();
    expect(Object.keys(all)).toEqual(['__proto', 'a/A', 'login#user']);
    expect(String(all['a/A'])).toBe('[secret]');
    expect(all['login#user']?.reveal()).toBe('u');
  });

  it('is of another workspace if that is said', async () => {
    await session.workspaces.create({ name: 'billing' });
    const at = { workspace: 'billing', environment: 'production' };
    await session.secrets.write({ ...at, path: 'A', value: 'of billing' });
    const production = session.environment('production', { workspace: 'billing' });
    expect(textOf(await production.get('A'))).toBe('of billing');
    expect((await failure(session.environment('production').get('A'))).code).toBe(
      'secret_not_found',
    );
  });

  it('gives the address of a database as it is, from fields, or from where it usually is', async () => {
    const text = await environmentWith({ DATABASE_URL: 'x://y', db: { host: 'h' } });
    expect(textOf(await text.databaseUrl())).toBe('x://y');
    expect(textOf(await text.databaseUrl('db'))).toBe('postgres://h');
    const fields = await environmentWith({ db: { host: 'h', user: 'u', password: 'p@' } });
    expect(textOf(await fields.databaseUrl())).toBe('postgres://u:p%40@h');
    const whole = await environmentWith({ database: { url: 'mysql://x', host: 'h' } });
    expect(textOf(await whole.databaseUrl())).toBe('mysql://x');
    const none = await environmentWith({ B: Uint8Array.of(1) });
    expect(await failure(none.databaseUrl())).toMatchObject({ code: 'secret_not_found' });
    expect((await failure(none.databaseUrl('NONE'))).code).toBe('secret_not_found');
    expect((await failure(none.databaseUrl('B'))).code).toBe('binary_value');
  });

  it('gives the API key of a service from where such keys usually are', async () => {
    for (const path of [
      'OPENAI_API_KEY',
      'openai/API_KEY',
      'openai/api_key',
      'OPENAI_KEY',
      'OPENAI_TOKEN',
      'api-keys/openai',
    ]) {
      const app = await environmentWith({ [path]: path });
      expect(textOf(await app.apiKey('openai'))).toBe(path);
    }
    const both = await environmentWith({ OPENAI_KEY: '2', OPENAI_API_KEY: '1' });
    expect(textOf(await both.apiKey('openai'))).toBe('1');
    const fields = await environmentWith({ 'openai/API_KEY': { id: 'x', key: 'k' } });
    expect(textOf(await fields.apiKey('openai'))).toBe('k');
    const other = await environmentWith({ 'openai/API_KEY': { id: 'x' } });
    expect((await failure(other.apiKey('openai'))).code).toBe('field_not_found');
    expect(await failure(other.apiKey('stripe'))).toMatchObject({
      code: 'secret_not_found',
      message: expect.stringContaining('an API key of stripe') as string,
    });
  });

  it('goes no further where the caller may not read', async () => {
    const app = await environmentWith({ OPENAI_API_KEY: 'v', DATABASE_URL: 'v' });
    const name = `e${count}`;
    const narrow = parts.as(OWNER, { can: ['list'] }).environment(name);
    expect((await failure(narrow.apiKey('openai'))).code).toBe('denied');
    expect((await failure(narrow.databaseUrl())).code).toBe('denied');
    expect((await failure(narrow.all())).code).toBe('denied');
    expect(textOf(await app.get('DATABASE_URL'))).toBe('v');
  });
});

describe('injection into an object', () => {
  it('sets what is not there, and takes it out again', async () => {
    const app = await environmentWith({ A: 'a', 'x/B': 'b', login: { user: 'u' } });
    const target: Record<string, string | undefined> = { A: 'before', OTHER: 'o' };
    {
      using injected = await app.inject(target);
      expect(injected.names).toEqual(['login_user', 'B']);
      expect(injected.kept).toEqual(['A']);
      expect(target).toEqual({ A: 'before', OTHER: 'o', B: 'b', login_user: 'u' });
    }
    expect(target).toEqual({ A: 'before', OTHER: 'o' });
  });

  it('replaces what is there if it is told to, and puts it back', async () => {
    const app = await environmentWith({ A: 'a', B: 'b', C: 'c' });
    const target: Record<string, string | undefined> = { A: 'before' };
    const injected = await app.inject(target, { overwrite: true, except: ['C'] });
    expect(target).toEqual({ A: 'a', B: 'b' });
    target['B'] = 'changed by the program';
    injected.remove();
    injected.remove();
    expect(target).toEqual({ A: 'before', B: 'changed by the program' });
  });

  it('works on process.env, with a prefix', async () => {
    const app = await environmentWith({ A: 'a' });
    const injected = await app.inject(process.env, { only: ['A'], prefix: 'INJECTED_TEST_' });
    expect(process.env['INJECTED_TEST_A']).toBe('a');
    injected.remove();
    expect('INJECTED_TEST_A' in process.env).toBe(false);
  });

  it('refuses names that change how programs run, and sets nothing then', async () => {
    const app = await environmentWith({ A: 'a', NODE_OPTIONS: '--x' });
    const target = {};
    expect(await failure(app.inject(target))).toMatchObject({ code: 'unsafe_variable_name' });
    expect(target).toEqual({});
    await app.inject(target, { allowEnv: ['NODE_OPTIONS'] });
    expect(target).toEqual({ A: 'a', NODE_OPTIONS: '--x' });
  });

  it('cannot reach the prototype of an object', async () => {
    const app = await environmentWith({ __proto__x: 'x', constructor: 'c' });
    await session.secrets.write({ environment: `e${count}`, path: '__proto__', value: 'p' });
    const target: Record<string, string | undefined> = {};
    const injected = await app.inject(target);
    expect(Object.getPrototypeOf(target)).toBe(Object.prototype);
    expect(Object.hasOwn(target, '__proto__') && Object.hasOwn(target, 'constructor')).toBe(true);
    injected.remove();
    expect(Object.keys(target)).toEqual([]);
  });

  it('refuses bytes, unless they are left out', async () => {
    const app = await environmentWith({ A: 'a', B: Uint8Array.of(1) });
    expect((await failure(app.inject({}))).code).toBe('binary_value');
    const target = {};
    await app.inject(target, { except: ['B'] });
    expect(target).toEqual({ A: 'a' });
  });
});
