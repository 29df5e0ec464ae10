import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';

import { init, open, type SecretValue, type Session, type Vault } from '../index.ts';
import { OWNER, temporaryDirectory } from '../testing/temporary-vault.ts';
import { rmSync } from 'node:fs';
import { join } from 'node:path';

let root: string;
let vault: Vault;
let session: Session;
beforeAll(async () => {
  root = temporaryDirectory();
  const place = { path: join(root, 'vault'), configDirectory: join(root, 'config') };
  await init({ ...place, owner: OWNER });
  vault = await open(place);
  session = vault.as({ principal: OWNER });
});
afterAll(async () => {
  await vault[Symbol.asyncDispose]();
  rmSync(root, { recursive: true, force: true });
});

describe('a session', () => {
  it('has methods whose inputs and answers are typed from the schemas', () => {
    expectTypeOf(session.secrets.read).parameter(0).toExtend<{
      environment: string;
      path: string;
      version?: number | undefined;
    }>();
    expectTypeOf(session.secrets.read).parameter(0).not.toBeAny();
    expectTypeOf(session.secrets.list).parameter(0).toExtend<object | undefined>();
    expectTypeOf(session.secrets.create).returns.resolves.toHaveProperty('version');
    expectTypeOf(session.secrets.create).returns.resolves.not.toHaveProperty('value');
    expectTypeOf(session.workspaces.list).returns.resolves.toEqualTypeOf<
      readonly { readonly id: string; readonly name: string }[]
    >();
    expectTypeOf(session.health.read).parameters.toExtend<readonly unknown[]>();
    // @ts-expect-error -- the environment is missing
    const missing = (): unknown => session.secrets.read({ path: 'a' });
    // @ts-expect-error -- there is no such member
    const extra = (): unknown => session.secrets.read({ environment: 'a', path: 'a', value: 'b' });
    // @ts-expect-error -- a value is text, bytes, a SecretValue, or fields of these
    const wrong = (): unknown => session.secrets.write({ environment: 'a', path: 'a', value: 7 });
    // @ts-expect-error -- there is no such operation
    const none = (): unknown => session.secrets.destroy({});
    // @ts-expect-error -- there is no anonymous call
    const nobody = (): unknown => vault.as({});
    expect([missing, extra, wrong, none, nobody].length).toBe(5);
  });

  it('tells one kind of value from the other by its type', async () => {
    await session.secrets.write({ environment: 'testing', path: 'a', value: 'v' });
    const read = await session.secrets.read({ environment: 'testing', path: 'a' });
    if (read.kind === 'fields') {
      expectTypeOf(read.fields).toEqualTypeOf<Readonly<Record<string, SecretValue>>>();
    } else {
      expectTypeOf(read.value).toEqualTypeOf<SecretValue>();
    }
    expect(read.kind === 'text' && read.value.reveal()).toBe('v');
  });

  it('takes methods apart from itself, as functions', async () => {
    const { list } = session.workspaces;
    expect((await list()).map(({ name }) => name)).toEqual(['default']);
  });

  it('does not write to what it is given, and does not look at it later', async () => {
    const context = { principal: OWNER, can: ['read'] as const, ip: 'one' };
    const held = vault.as(Object.freeze(context));
    const input = Object.freeze({ environment: 'testing', path: 'a' });
    await held.secrets.read(input, Object.freeze({}));
    expect(context).toEqual({ principal: OWNER, can: ['read'], ip: 'one' });
  });

  it('names its vault, and says that nothing is blocked', () => {
    expect(vault.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(vault.isAuditBlocked).toBe(false);
  });
});
