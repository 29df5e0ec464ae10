// Rows of the list of attacks that are held by what is not in the sources.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import { everyOperation } from '../src/core/every-operation.ts';
import { METHOD_KINDS } from '../src/domain/identities/method-config.ts';
import { allRoutes } from '../src/http/rest/rest-face.ts';

const root = fileURLToPath(new URL('../src', import.meta.url));
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.startsWith('testing/'),
  )
  .map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') }));

describe('A23 signing in with what a cloud says of a machine', () => {
  it('A23 is no way to sign in: there is none whose request somebody else forwards', () => {
    expect([...METHOD_KINDS].toSorted()).toEqual(['approle', 'certificate', 'jwt', 'oidc']);
    const clouds = /\b(?:aws|iam|sts|gcp|azure|cloud)\b/i;
    const names = everyOperation().map(({ name }) => name.replaceAll(/(?=[A-Z])/g, ' '));
    const addresses = allRoutes().map(({ binding }) => binding.path);
    expect([...names, ...addresses].filter((each) => clouds.test(each))).toEqual([]);
  });

  it('A23 is nothing that is asked of a cloud: no address of one is in the sources', () => {
    const asked =
      /amazonaws\.com|metadata\.google|management\.azure|169\.254\.169\.254|GetCallerIdentity/i;
    const found = sources.filter(({ text }) => asked.test(text)).map(({ file }) => file);
    expect(found).toEqual([]);
  });
});

/** What holds something secret, or proves one, by the last word of its name. */
const SECRET_NAME =
  /(?:\b|\.)\w*(?:digest|hmac|mac|checksum|password|passphrase|codeHash|tokenHash|signature|reveal\(\)|revealBytes\(\))$/i;
const PLAIN = /^(?:undefined|null|true|false|'|"|`|-?\d|typeof\b)/;

/** Comparisons by `===` whose both sides are more than a word that is known. */
function comparisons(text: string): readonly string[] {
  const operand = String.raw`[\w.$?!]+(?:\(\))?`;
  const found = text.matchAll(new RegExp(`(${operand}) (?:===|!==) (${operand}|'[^']*')`, 'g'));
  return [...found]
    .filter(([, left = '', right = '']) => !PLAIN.test(left) && !PLAIN.test(right))
    .filter(([, left = '', right = '']) => [left, right].some((each) => SECRET_NAME.test(each)))
    .map(([whole]) => whole);
}

describe('A26 secrets and what proves them', () => {
  /** Digests of entries of the log that are public: nobody finds out anything by their time. */
  const PUBLIC = ['domain/audit/retention.ts: declared.digest === digestOf'];

  it('A26 are compared in one place, which takes as long for every difference', () => {
    const found = sources.flatMap(({ file, text }) =>
      comparisons(text).map((each) => `${file}: ${each}`),
    );
    expect(found.filter((each) => !PUBLIC.includes(each))).toEqual([]);
    const users = sources.filter(({ text }) => /\btimingSafeEqual\(/.test(text));
    expect(users.map(({ file }) => file).toSorted()).toEqual([
      'client/web/node-modules.ts',
      'lib/compare.ts',
    ]);
  });

  it('A26 would be found if they were compared in another way', () => {
    expect(comparisons("if (row.digest === given.digest) return 'a'")).toHaveLength(1);
    expect(comparisons('const is = token.reveal() === text')).toHaveLength(1);
    expect(comparisons("if (password === undefined || kind === 'password') a()")).toEqual([]);
  });
});
