import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { StrongroomError } from '../../errors.ts';
import type { SecretValue } from '../../secret-value.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Session } from '../session.ts';
import { giveRole } from '../../testing/give-role.ts';

const environment = 'production';

let place: TemporaryVault;
let parts: OpenParts;
let owner: Session;
let count = 0;
/** A folder of its own for each test. */
let at: string;
beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  owner = parts.as(OWNER);
  await owner.workspaces.create({ name: 'shared' });
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});
beforeEach(() => {
  count += 1;
  at = `t${count}`;
});

/** Writes secrets of the test's own folder; `@/` stands for it in their values. */
async function write(
  secrets: Readonly<Record<string, string>>,
  where = environment,
): Promise<void> {
  for (const [name, value] of Object.entries(secrets)) {
    await owner.secrets.write({
      environment: where,
      path: `${at}/${name}`,
      value: value.replaceAll('@/', `${at}/`),
      references: true,
    });
  }
}

async function resolve(
  name: string,
  session: Session = owner,
  where = environment,
): Promise<string> {
  const read = await session.secrets.resolve({ environment: where, path: `${at}/${name}` });
  return textOf(read.value);
}

function textOf(value: SecretValue | undefined): string {
  using held = value;
  return held?.reveal() ?? '';
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

async function entriesOf(work: () => Promise<unknown>): Promise<string[]> {
  const { entries: before } = await owner.audit.query({ limit: 1 });
  await work().catch(() => undefined);
  const { entries } = await owner.audit.query({ limit: 50 });
  return entries
    .filter(({ seq }) => seq > Number(before[0]?.seq))
    .filter(({ action }) => action !== 'audit.query')
    .toSorted((a, b) => a.seq - b.seq)
    .map(({ action, environment: where = '', path = '', outcome, version = '', detail = '' }) =>
      [action, where, path.replace(`${at}/`, ''), version, outcome, detail]
        .filter((each) => each !== '')
        .join(' '),
    );
}

describe('references', () => {
  it('stand for secrets of the same environment, of another one, of another workspace, and for fields', async () => {
    await write({ PASSWORD: 'p-1', URL: 'x://u:${@/PASSWORD}@h/${staging/@/HOST}' });
    await write({ HOST: 'h-1' }, 'staging');
    const login = { environment, path: `${at}/login` };
    await owner.secrets.write({ ...login, value: { user: 'u', password: 'p-2' } });
    await owner.secrets.write({ workspace: 'shared', environment, path: 'db/HOST', value: 'far' });
    await owner.secrets.write({
      workspace: 'shared',
      environment: 'staging',
      path: 'db/HOST',
      value: 'farther',
    });
    await write({
      FIELD: '${@/login#password}',
      FAR: '${shared:db/HOST}, ${shared:staging/db/HOST}',
      PLAIN: '$${@/PASSWORD} $HOME {a}',
    });
    expect(await resolve('URL')).toBe('x://u:p-1@h/h-1');
    expect(await resolve('FIELD')).toBe('p-2');
    expect(await resolve('FAR')).toBe('far, farther');
    expect(await resolve('PLAIN')).toBe(`\${${at}/PASSWORD} $HOME {a}`);
  });

  it('are only those of versions that were written so, and secrets.read gives what is stored', async () => {
    const text = `\${${at}/PASSWORD}`;
    await write({ PASSWORD: 'p-1' });
    const literal = { environment, path: `${at}/LITERAL` };
    await owner.secrets.write({ ...literal, value: text });
    expect(await resolve('LITERAL')).toBe(text);
    await owner.secrets.write({ ...literal, value: text, references: true });
    expect(await resolve('LITERAL')).toBe('p-1');
    expect(textOf((await owner.secrets.read(literal)).value)).toBe(text);
    await owner.secrets.write({ ...literal, value: text });
    expect(await resolve('LITERAL')).toBe(text);
  });

  it('are read where the secret is whose value has them, through several of them', async () => {
    await write({ A: '<${@/B}|${@/B}>', B: '[${staging/@/C}]' });
    await write({ C: '${@/D}', D: 'of staging' }, 'staging');
    expect(await resolve('A')).toBe('<[of staging]|[of staging]>');
  });

  it('follow a target to its new value, and miss one that was moved, deleted or deactivated', async () => {
    const target = { environment, path: `${at}/TARGET` };
    await write({ TARGET: 'one', A: '${@/TARGET}' });
    await write({ TARGET: 'two' });
    expect(await resolve('A')).toBe('two');
    await owner.secrets.update({ ...target, active: false });
    expect(await failure(resolve('A'))).toMatchObject({
      code: 'reference_not_found',
      message: `${at}/A refers to ${at}/TARGET, which is not active`,
    });
    await owner.secrets.update({ ...target, active: true });
    await owner.secrets.delete(target);
    expect(await failure(resolve('A'))).toMatchObject({
      code: 'reference_not_found',
      message: `${at}/A refers to ${at}/TARGET, which is not there`,
      details: { path: `${at}/A`, target: `default/production/${at}/TARGET` },
    });
    await owner.secrets.undelete(target);
    expect(await resolve('A')).toBe('two');
    await owner.secrets.rename({ ...target, to: `${at}/RENAMED` });
    expect((await failure(resolve('A'))).code).toBe('reference_not_found');
    await owner.secrets.rename({ environment, path: `${at}/RENAMED`, to: target.path });
    expect(await resolve('A')).toBe('two');
    await owner.secrets.move({ ...target, toEnvironment: 'staging' });
    expect((await failure(resolve('A'))).code).toBe('reference_not_found');
  });

  it('do not stand for bytes, for a secret with fields as a whole, or for a field that it has not', async () => {
    const bytes = { environment, path: `${at}/BYTES`, value: Uint8Array.of(1, 2) };
    await owner.secrets.write(bytes);
    await owner.secrets.write({ environment, path: `${at}/login`, value: { user: 'u' } });
    await write({ A: '${@/BYTES}', B: '${@/login}', C: '${@/login#password}', D: '${@/A#x}' });
    expect(await failure(resolve('A'))).toMatchObject({ code: 'binary_value' });
    expect(await failure(resolve('B'))).toMatchObject({
      code: 'reference_not_found',
      hint: `name one, as in \${${at}/login#password}`,
    });
    expect(await failure(resolve('C'))).toMatchObject({ code: 'reference_not_found' });
    expect(await failure(resolve('D'))).toMatchObject({ code: 'reference_not_found' });
    const refused = owner.secrets.write({ ...bytes, references: true });
    expect(await failure(refused)).toMatchObject({ code: 'invalid_reference' });
  });

  it('are resolved in each field of text, and in the one that is asked for alone', async () => {
    const login = { environment, path: `${at}/login` };
    await write({ PASSWORD: 'p-1' });
    const value = { password: `\${${at}/PASSWORD}`, user: 'u', url: `\${${at}/NOWHERE}` };
    await owner.secrets.write({ ...login, value, references: true });
    const { value: password } = await owner.secrets.resolve({ ...login, field: 'password' });
    expect(textOf(password)).toBe('p-1');
    expect(await failure(owner.secrets.resolve(login))).toMatchObject({
      code: 'reference_not_found',
    });
    await owner.secrets.update({ ...login, value: { url: 'x' } });
    const { fields } = await owner.secrets.resolve(login);
    expect(Object.entries(fields ?? {}).map(([name, each]) => [name, textOf(each)])).toEqual([
      ['password', 'p-1'],
      ['url', 'x'],
      ['user', 'u'],
    ]);
  });

  it('keep their meaning when fields are merged, or the change is refused', async () => {
    const login = { environment, path: `${at}/login` };
    const text = '${A}';
    await owner.secrets.write({ ...login, value: { a: text, b: 'b' }, references: true });
    for (const change of [{ value: { b: text } }, { value: { b: 'c' }, references: false }]) {
      expect(await failure(owner.secrets.update({ ...login, ...change }))).toMatchObject({
        code: 'invalid_reference',
      });
    }
    await owner.secrets.update({ ...login, value: { b: text }, references: true });
    await owner.secrets.update({ ...login, value: { a: text }, replace: true });
    expect(textOf((await owner.secrets.resolve({ ...login, field: 'a' })).value)).toBe(text);
    const literal = owner.secrets.update({ ...login, value: { b: 'b' }, references: true });
    expect(await failure(literal)).toMatchObject({ code: 'invalid_reference' });
    const none = owner.secrets.update({ ...login, references: true });
    expect(await failure(none)).toMatchObject({ code: 'invalid_input' });
  });

  it('are checked when they are written', async () => {
    const wrong = owner.secrets.write({
      environment,
      path: `${at}/A`,
      value: { a: 'marker-7 ${a b}' },
      references: true,
    });
    expect(await failure(wrong)).toMatchObject({
      code: 'invalid_reference',
      details: { position: 10, field: 'a' },
    });
    expect((await failure(owner.secrets.read({ environment, path: `${at}/A` }))).code).toBe(
      'secret_not_found',
    );
  });

  it.each(Array.from({ length: 20 }, (_, n) => n + 1))(
    'that go in a circle of %i come to an end',
    async (length) => {
      const names = Array.from({ length }, (_, n) => `S${n}`);
      await write(
        Object.fromEntries(names.map((name, n) => [name, `x\${@/S${(n + 1) % length}}`])),
      );
      const error = await failure(resolve('S0'));
      if (length > 16) {
        expect(error.code).toBe('reference_limit');
        return;
      }
      expect(error.code).toBe('reference_cycle');
      expect(error.details['chain']).toEqual(
        [...names, 'S0'].map((name) => `default/production/${at}/${name}`),
      );
    },
  );

  it('go 16 deep and no deeper, also where those that are deeper were resolved before', async () => {
    const names = Array.from({ length: 18 }, (_, n) => `S${String(n).padStart(2, '0')}`);
    await write(
      Object.fromEntries(names.map((name, n) => [name, n === 0 ? 'end' : `\${@/${names[n - 1]}}`])),
    );
    expect(await resolve('S16')).toBe('end');
    expect((await failure(resolve('S17'))).code).toBe('reference_limit');
    const all = (only: readonly string[]): Promise<unknown> =>
      owner.environments.resolve({ environment, only: only.map((name) => `${at}/${name}`) });
    await all(names.slice(0, 17));
    expect((await failure(all(names))).details).toMatchObject({ path: `${at}/S17` });
  });

  it('are at most 1,000 in one value, and come to at most 1 MiB', async () => {
    await write({ E: '' });
    await write({ MANY: '${@/E}'.repeat(1000) });
    expect(await resolve('MANY')).toBe('');
    await write({ MANY: '${@/E}'.repeat(1001) });
    expect((await failure(resolve('MANY'))).code).toBe('reference_limit');
    await write({ L0: 'x'.repeat(64), L1: '${@/L0}'.repeat(100), L2: '${@/L1}'.repeat(100) });
    expect((await failure(resolve('L2'))).code).toBe('reference_limit');
    const big = 'y'.repeat(200_000);
    await write({ BIG: big, FIVE: '${@/BIG}'.repeat(5), SIX: '${@/BIG}'.repeat(6) });
    expect((await resolve('FIVE')).length).toBe(1_000_000);
    expect((await failure(resolve('SIX'))).message).toContain('1 MiB');
  });

  it('put each secret that was used on record, once', async () => {
    await write({ A: '${@/B}${@/B}${staging/@/C}', B: 'b' });
    await write({ C: 'c' }, 'staging');
    expect(await entriesOf(() => resolve('A'))).toEqual([
      'secrets.resolve production A 1 ok',
      'secrets.read production A 1 ok',
      'secrets.read production B 1 ok',
      'secrets.read staging C 1 ok',
    ]);
  });
});

describe('the rights of the reader', () => {
  it('A35 decide about each target, and a denial is on record with its name and says no value', async () => {
    const marker = 'marker-of-the-target-5d21';
    await write({ A: 'own-value-of-a ${staging/@/T}', B: '${@/A}' });
    await write({ T: marker }, 'staging');
    const production = await giveRole(parts, `reader-${at}`, [
      ['read list', 'default/production/**'],
    ]);
    const lists = await giveRole(parts, `lister-${at}`, [
      ['read list', 'default/production/**'],
      ['list', 'default/staging/**'],
    ]);
    const both = await giveRole(parts, `both-${at}`, [
      ['read', 'default/production/**'],
      ['read', 'default/staging/**'],
    ]);
    expect(await resolve('B', both)).toBe(`own-value-of-a ${marker}`);
    for (const [session, says] of [
      [production, `you may not read a secret that ${at}/A refers to`],
      [lists, `you may not read staging/${at}/T, which ${at}/A refers to`],
    ] as const) {
      for (const name of ['A', 'B']) {
        const error = await failure(resolve(name, session));
        expect(error).toMatchObject({ code: 'denied', message: says });
        const shown = JSON.stringify([
          error.message,
          error.details,
          error.hint,
          String(error.cause),
        ]);
        expect(shown).not.toContain('marker');
        expect(shown).not.toContain('own-value');
      }
      expect(await entriesOf(() => resolve('A', session))).toEqual([
        `secrets.resolve production A denied default/staging/${at}/T`,
      ]);
    }
  });

  it('A35 hold for another workspace, whether there is anything or not', async () => {
    const target = { workspace: 'shared', environment, path: `${at}/T` };
    await owner.secrets.write({ ...target, value: 'v' });
    await write({
      A: '${shared:@/T}',
      B: '${shared:@/NONE}',
      C: '${nowhere:@/T}',
      D: '${shared:staging/@/T}',
    });
    const session = await giveRole(parts, `reader-${at}`, [['read list', 'default/**']]);
    const errors = [];
    for (const name of ['A', 'B', 'C', 'D']) {
      const { code, message } = await failure(resolve(name, session));
      errors.push([code, message.replace(`${at}/${name}`, '…')]);
    }
    expect(errors).toEqual(
      errors.map(() => ['denied', 'you may not read a secret that … refers to']),
    );
    expect(await resolve('A')).toBe('v');
    expect((await failure(resolve('B'))).message).toBe(
      `${at}/B refers to shared:production/${at}/NONE, which is not there`,
    );
    expect((await failure(resolve('C'))).code).toBe('reference_not_found');
  });

  it('are those of the context too', async () => {
    await write({ A: '${@/B}', B: 'b' });
    const listing = parts.as(OWNER, { can: ['list'] });
    expect((await failure(resolve('A', listing))).code).toBe('denied');
  });

  it('a denied target hides whether it is there', async () => {
    await write({ A: '${staging/@/THERE}', B: '${staging/@/NOT}' });
    await write({ THERE: 'v' }, 'staging');
    const session = await giveRole(parts, `reader-${at}`, [['read', 'default/production/**']]);
    const [there, not] = [
      await failure(resolve('A', session)),
      await failure(resolve('B', session)),
    ];
    expect(there.message.replace('/A', '')).toBe(not.message.replace('/B', ''));
    expect(Object.keys(there.details)).toEqual(Object.keys(not.details));
  });
});

describe('no error message', () => {
  it('has anything of a value in it, however references fail', async () => {
    const kinds = fc.constantFrom(
      '${@/NOWHERE}',
      '${@/LOOP}',
      '${@/BYTES}',
      '${@/login}',
      '${@/login#none}',
      '${shared:@/x}',
    );
    await owner.secrets.write({ environment, path: `${at}/BYTES`, value: Uint8Array.of(7) });
    await owner.secrets.write({ environment, path: `${at}/login`, value: { a: 'marker-1' } });
    await write({ LOOP: 'marker-2${@/LOOP}', GOOD: 'marker-3' });
    await fc.assert(
      fc.asyncProperty(fc.array(kinds, { minLength: 1, maxLength: 3 }), async (wrong) => {
        await write({ A: `marker-4\${@/GOOD}${wrong.join('marker-5')}` });
        const error = await failure(resolve('A'));
        const shown = JSON.stringify([error.message, error.details, error.hint, error.stack]);
        expect(shown).not.toContain('marker-');
      }),
      { numRuns: 15 },
    );
  });
});
