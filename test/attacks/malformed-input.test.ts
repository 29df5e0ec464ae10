import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { inspect } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { CallOptions } from '../../src/core/context.ts';
import { SecretValue } from '../../src/secret-value.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../../src/testing/temporary-vault.ts';

type Call = (input: unknown, options?: CallOptions) => Promise<unknown>;

const MARKER = 'Zq7vKx2mWp9sRt4nBd6h';
/** No piece of this many characters may show. */
const PIECE = 6;
const pieces = Array.from({ length: MARKER.length - PIECE + 1 }, (_, at) =>
  MARKER.slice(at, at + PIECE).toLowerCase(),
);

let place: TemporaryVault;
let parts: OpenParts;
let call: (name: string, input: unknown, options?: CallOptions) => Promise<unknown>;
beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  const session = parts.as(OWNER) as unknown as Readonly<Record<string, Record<string, Call>>>;
  call = (name, input, options) => {
    const [group = '', method = ''] = name.split('.');
    const run = session[group]?.[method];
    if (run === undefined) throw new TypeError(`there is no ${name}`);
    return run(input, options);
  };
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

/** Everything that a program could print of an error. */
function printed(error: unknown): string {
  const all = [String(error), inspect(error, { depth: Infinity, showHidden: true, getters: true })];
  for (let at = error; at instanceof Error; at = at.cause) {
    all.push(at.message, at.stack ?? '', JSON.stringify(at), JSON.stringify({ ...at }));
  }
  return all.join('\n').toLowerCase();
}

const shown = (text: string): string[] => pieces.filter((piece) => text.includes(piece));

/** The marker with something that does not belong there at one place. */
function around(fault: string): string[] {
  return Array.from(
    { length: MARKER.length + 1 },
    (_, at) => `${MARKER.slice(0, at)}${fault}${MARKER.slice(at)}`,
  );
}

const FAULTS = [' ', '\u0000', '\n', '//', '/../', 'é', '\ud800', '"', '{', '%00', '\u202e'];
const malformed = FAULTS.flatMap(around);

const at = { environment: 'testing', path: 'a' };
const members: readonly (readonly [string, string, (text: string) => unknown])[] = [
  ['secrets.read', 'a path', (path) => ({ ...at, path })],
  ['secrets.write', 'a path', (path) => ({ ...at, path, value: MARKER })],
  ['secrets.read', 'an environment', (environment) => ({ ...at, environment })],
  ['secrets.read', 'a workspace', (workspace) => ({ ...at, workspace })],
  ['secrets.write', 'a field name', (name) => ({ ...at, value: { [name]: MARKER } })],
  ['secrets.write', 'a tag', (tag) => ({ ...at, value: MARKER, tags: [`\n${tag}`] })],
  ['secrets.write', 'a type', (type) => ({ ...at, value: MARKER, type })],
  ['secrets.write', 'a time', (expiresAt) => ({ ...at, value: MARKER, expiresAt })],
  ['secrets.write', 'a member too many', (name) => ({ ...at, value: MARKER, [name]: MARKER })],
  ['secrets.write', 'no value', (text) => ({ ...at, value: [text] })],
  ['secrets.write', 'a nested value', (text) => ({ ...at, value: { a: { [text]: text } } })],
  [
    'secrets.import',
    'a path',
    (path) => ({ environment: 'testing', secrets: [{ path, value: MARKER }] }),
  ],
  [
    'secrets.import',
    'a member too many',
    (name) => ({ environment: 'testing', secrets: [{ path: 'a', value: MARKER, [name]: MARKER }] }),
  ],
  [
    'secrets.import',
    'no layout',
    (text) => ({ environment: 'testing', secrets: [], layout: text }),
  ],
  ['secrets.list', 'a prefix', (prefix) => ({ prefix: ` ${prefix}` })],
  ['secrets.list', 'a cursor', (cursor) => ({ cursor })],
  ['workspaces.create', 'a name', (name) => ({ name })],
  ['environments.create', 'a name', (name) => ({ name })],
  ['audit.query', 'a time', (since) => ({ since })],
  ['audit.query', 'an outcome', (outcome) => ({ outcome })],
  ['audit.export', 'a checkpoint', (checkpoint) => ({ checkpoint })],
  ['audit.proof', 'a number', (seq) => ({ seq })],
];

describe('A84: malformed input around a marker', () => {
  it.each(members)(
    '%s: %s, malformed at every offset, is refused and no piece of it is in the error',
    async (name, _what, inputOf) => {
      const calls = malformed.map((text) => call(name, inputOf(text)));
      const settled = await Promise.allSettled(calls);
      for (const each of settled) {
        if (each.status === 'fulfilled') throw new TypeError(`${name} was accepted`);
        expect(shown(printed(each.reason))).toEqual([]);
        expect((each.reason as { code?: string }).code).toMatch(/^(invalid_|reserved_)/);
      }
    },
  );

  it('is refused without showing the value where the value is too large or not text', async () => {
    const large = MARKER.repeat(60_000);
    for (const value of [
      large,
      new TextEncoder().encode(large),
      SecretValue.text(large),
      { a: large, b: MARKER },
      `${MARKER}\udc00`,
      { [MARKER]: `${MARKER}\udc00` },
      {},
    ]) {
      const error: unknown = await call('secrets.write', { ...at, value }).catch(
        (failure: unknown) => failure,
      );
      expect((error as { code?: string }).code).toMatch(/^(value_too_large|invalid_input)$/);
      expect(shown(printed(error))).toEqual([]);
    }
  });

  it('is refused without showing what is kept, when what is kept was damaged', async () => {
    const damaged = { environment: 'staging', path: 'damaged' };
    await call(
      'secrets.write',
      { ...damaged, value: MARKER, description: MARKER },
      {
        idempotencyKey: MARKER,
      },
    );
    tamper(place, (db) => {
      db.exec('UPDATE versions SET envelope = CAST(zeroblob(200) AS BLOB)');
      db.exec('UPDATE secrets SET metadata = CAST(zeroblob(200) AS BLOB)');
      db.exec('UPDATE idempotency SET answer = CAST(zeroblob(200) AS BLOB)');
    });
    const input = { ...damaged, value: MARKER, description: MARKER };
    const settled = await Promise.allSettled([
      call('secrets.read', damaged),
      call('secrets.read', { ...damaged, version: 1 }),
      call('secrets.describe', damaged),
      call('secrets.write', input, { idempotencyKey: MARKER }),
      call('secrets.write', { ...damaged, value: `${MARKER}!` }, { idempotencyKey: MARKER }),
    ]);
    for (const each of settled) {
      expect(each.status).toBe('rejected');
      if (each.status === 'rejected') expect(shown(printed(each.reason))).toEqual([]);
    }
  });

  it('is not in the audit log', () => {
    const bodies = tamper(place, (db) => db.prepare('SELECT body FROM audit_entries').all())
      .map((row) => String(row['body']))
      .join('\n')
      .toLowerCase();
    expect(bodies).toContain('invalid_input');
    expect(shown(bodies)).toEqual([]);
  });

  it('is looked for in a way that finds it', () => {
    const cause = new Error(`a cause with ${MARKER.slice(3, 12)}`);
    expect(shown(printed(new Error('outside', { cause }))).length).toBeGreaterThan(0);
    expect(shown(printed(Object.assign(new Error('x'), { input: MARKER }))).length).toBe(15);
  });

  it('is not in what Node prints of an error that nobody catches', async () => {
    const program = (input: string): string => `
      const { openVault } = await import(${JSON.stringify(`${import.meta.dirname}/../../src/core/open-vault.ts`)});
      const { createSession } = await import(${JSON.stringify(`${import.meta.dirname}/../../src/core/session.ts`)});
      const marker = process.argv[1];
      const vault = await openVault(process.argv[2], { configDirectory: process.argv[3], holder: 'test' });
      const { secrets } = createSession(vault, { principal: 'ada', sessionId: marker }, 'library');
      await secrets.write(${input}, { idempotencyKey: marker });
    `;
    const inputs = [
      `{ environment: 'testing', path: marker + ' ', value: marker }`,
      `{ environment: 'testing', path: 'a', value: { a: marker.repeat(60000) } }`,
      `{ environment: 'testing', path: 'a', value: { a: { b: marker } } }`,
      `{ environment: 'testing', path: 'a', value: marker, cas: 7 }`,
      `{ environment: 'testing', path: 'a', value: marker, [marker]: marker }`,
    ];
    const outputs = await Promise.all(
      inputs.map(async (input) => {
        const own = await makeTemporaryVault();
        const child = spawn(
          process.execPath,
          [
            '--input-type=module',
            '--eval',
            program(input),
            '--',
            MARKER,
            own.path,
            own.configDirectory,
          ],
          { stdio: ['ignore', 'pipe', 'pipe'] },
        );
        let text = '';
        for (const stream of [child.stdout, child.stderr]) {
          stream.on('data', (chunk: Buffer) => {
            text += chunk.toString();
          });
        }
        const [code] = (await once(child, 'close')) as [number];
        own.remove();
        return { code, text };
      }),
    );
    for (const { code, text } of outputs) {
      expect(code).not.toBe(0);
      expect(text).toContain('StrongroomError');
      // The source of the program itself holds no marker.
      expect(shown(text.toLowerCase())).toEqual([]);
    }
  });
});
