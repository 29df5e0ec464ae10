import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { OURS, type Own } from '../../testing/foreign-ids.ts';
import { allowPasskeys } from '../../testing/passkeys.ts';
import { remoteSession } from '../../testing/remote-session.ts';
import {
  makeTemporaryVault,
  openParts,
  storedRows,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Operation } from '../operation.ts';
import { operations } from './operations.ts';

/** What may be called by whoever is not known yet, each with what it asks for instead. */
const OPEN: Readonly<Record<string, readonly string[]>> = {
  'auth.signIn': ['name', 'password'],
  'auth.verifyTotp': ['challenge', 'code'],
  'auth.useRecoveryCode': ['challenge', 'code'],
  'auth.beginPasskey': [],
  'auth.verifyPasskey': ['challenge', 'credential'],
  'auth.acceptInvite': ['invite', 'password'],
  'auth.signInAppRole': ['roleId', 'secretId'],
  'auth.signInJwt': ['token'],
  'auth.signInCertificate': [],
  'auth.finishDevice': ['device'],
  'auth.beginDevice': [],
  'auth.ways': [],
  'auth.beginSso': ['name'],
  'auth.finishSso': ['challenge', 'state', 'code'],
};

/** What gives something to anybody, that opens nothing until somebody proves who they are. */
const GIVES: ReadonlySet<string> = new Set([
  'auth.beginDevice',
  'auth.beginPasskey',
  'auth.ways',
  'auth.beginSso',
]);

const own: Own = {
  path: 'own/a',
  secret: '01890000-0000-7000-8000-000000000000',
  gone: 'own/b',
  grant: '01890000-0000-7000-8000-000000000000',
  request: '01890000-0000-7000-8000-000000000000',
  seq: 1,
  since: '2026-01-01T00:00:00Z',
  backup: '01890000-0000-7000-8000-000000000000',
};

const named = Object.entries(operations).flatMap(([group, methods]) =>
  Object.entries(methods as Readonly<Record<string, Operation<unknown, unknown>>>).map(
    ([method, operation]) => ({ name: `${group}.${method}`, operation }),
  ),
);
const open = named.filter(({ operation }) => operation.anyone === true);

let place: TemporaryVault;
let parts: OpenParts;
beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  await allowPasskeys(parts);
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

async function codeOf(name: string, input: object): Promise<string> {
  const [group = '', method = ''] = name.split('.');
  const session = remoteSession(parts) as unknown as Readonly<
    Record<string, Readonly<Record<string, (given: object) => Promise<unknown>>>>
  >;
  try {
    await session[group]?.[method]?.(input);
    return 'ok';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('A15 whoever brings no credential', () => {
  it('may call what is listed here, and nothing else', () => {
    expect(open.map(({ name }) => name).toSorted()).toEqual(Object.keys(OPEN).toSorted());
  });

  it.each(named.filter(({ operation }) => operation.anyone !== true))(
    'is refused by $name before anything of the request is looked at',
    async ({ name }) => {
      expect(await codeOf(name, OURS[name]?.(own) ?? {})).toBe('unauthenticated');
      expect(await codeOf(name, { nonsense: true })).toBe('unauthenticated');
    },
  );

  it.each(open.filter(({ name }) => !GIVES.has(name)))(
    'never comes by a session through $name with something missing',
    async ({ name }) => {
      const members = OPEN[name] ?? [];
      const whole = OURS[name]?.(own) as Readonly<Record<string, unknown>>;
      expect(Object.keys(whole)).toEqual(expect.arrayContaining([...members]));
      const inputs: object[] = [whole, {}];
      for (const member of members) {
        const { [member]: _, ...rest } = whole;
        inputs.push(rest);
        for (const nothing of ['', null, undefined, false, 0, [], {}]) {
          inputs.push({ ...whole, [member]: nothing });
        }
      }
      for (const input of inputs) {
        const code = await codeOf(name, input);
        expect(['unauthenticated', 'invalid_input'], JSON.stringify(input)).toContain(code);
      }
      const kinds = tamper(place, (db) => storedRows(db, 'tokens')).map(({ kind }) => kind);
      expect(kinds).toEqual([]);
    },
  );
});
