import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { realisticDotenv } from '../src/testing/realistic-dotenv.ts';
import { Sandbox } from './sandbox.ts';

let sandbox: Sandbox;

beforeEach(() => {
  sandbox = new Sandbox();
});

afterEach(() => sandbox[Symbol.dispose]());

const VARIANTS: readonly (readonly [name: string, text: string])[] = [
  ['as people write it', realisticDotenv()],
  ['with CRLF and a byte order mark', `\uFEFF${realisticDotenv().replaceAll('\n', '\r\n')}`],
  ['with mixed line ends', realisticDotenv().replace('\n', '\r\n')],
  ['without a last line end', realisticDotenv().trimEnd()],
  ['with export in front', realisticDotenv().replaceAll(/^(?=[A-Z]+_[A-Z]+=)/gm, 'export ')],
];

describe('a .env file of 40 variables', () => {
  test.each(VARIANTS)('%s comes back byte for byte', (_name, text) => {
    sandbox.write('.env', text);
    expect(sandbox.run('strongroom init --yes').code).toBe(0);
    expect(sandbox.run('strongroom export -e development').stdout).toBe(text);
    sandbox.run('strongroom export -e development --format dotenv --output copy.env');
    expect(sandbox.run('cmp .env copy.env').code).toBe(0);
  });

  test('has one new line where one value changed', () => {
    const text = `\uFEFF${realisticDotenv().replaceAll('\n', '\r\n')}`;
    sandbox.write('.env', text);
    sandbox.run('strongroom init --yes');
    sandbox.run(`printf "it's new" | strongroom set JWT_SECRET -e development`);
    const before = text.split('\r\n');
    const after = sandbox.run('strongroom export -e development').stdout.split('\r\n');
    expect(after.length).toBe(before.length);
    const changed = after.filter((line, at) => line !== before[at]);
    expect(changed).toStrictEqual([`JWT_SECRET="it's new" # rotate in March`]);
  });

  test('loses the lines of a removed variable and gains those of a new one, nothing else', () => {
    sandbox.write('.env', realisticDotenv());
    sandbox.run('strongroom init --yes');
    sandbox.run('strongroom delete SMTP_HOST -e development --yes');
    sandbox.run('printf new | strongroom set ADDED -e development');
    const expected = `${realisticDotenv().replace('SMTP_HOST=mail.example.com\n', '')}ADDED=new\n`;
    expect(sandbox.run('strongroom export -e development').stdout).toBe(expected);
  });

  test('gives a program what it gives a shell that sources the export', () => {
    sandbox.write('.env', realisticDotenv());
    sandbox.run('strongroom init --yes');
    const only = '--only TLS_KEY,QUERY,SESSION_SECRET,COOKIE_SECRET,WINDOWS_SHARE,UNICODE';
    const show = `node -e 'console.log(JSON.stringify(process.env.TLS_KEY+process.env.QUERY+process.env.SESSION_SECRET+process.env.COOKIE_SECRET+process.env.WINDOWS_SHARE+process.env.UNICODE))'`;
    const run = sandbox.run(`strongroom run ${only} -- ${show}`);
    sandbox.run(`strongroom export ${only} --format shell -o env.sh`);
    const sourced = sandbox.run(`. ./env.sh; ${show}`);
    expect(run.stdout.length).toBeGreaterThan(100);
    expect(sourced.stdout).toBe(run.stdout);
  });
});

describe('values of any kind', () => {
  test('come through import and export, json and yaml, as they were', () => {
    const values = fc.sample(fc.string({ unit: 'grapheme', maxLength: 40 }), {
      numRuns: 60,
      seed: 7,
    });
    const contents = Object.fromEntries(values.map((value, at) => [`folder/NAME_${at}`, value]));
    sandbox.run('strongroom init --yes');
    const stdin = JSON.stringify(contents);
    expect(sandbox.run('strongroom import - --format json -e testing', { stdin }).code).toBe(0);
    const exported = sandbox.run('strongroom export -e testing --format json').stdout;
    expect(JSON.parse(exported)).toStrictEqual(contents);
    const yaml =
      'strongroom export -e testing --format yaml -o all.yaml && strongroom import all.yaml --format yaml -e staging';
    expect(sandbox.run(yaml).code).toBe(0);
    expect(sandbox.run('strongroom export -e staging --format json').stdout).toBe(exported);
  });
});

describe('.gitignore', () => {
  test('gains only what is missing, with its own line ends, and nothing the second time', () => {
    sandbox.write('.gitignore', 'node_modules\r\n.env\r\n# last');
    sandbox.run('strongroom init --yes && rm -r .strongroom && strongroom init --yes');
    expect(readFileSync(join(sandbox.directory, '.gitignore'), 'utf8')).toBe(
      'node_modules\r\n.env\r\n# last\r\n.strongroom/\r\n.env.*\r\n!.env.example\r\n',
    );
  });

  test('makes git keep the secrets out, and the example in', () => {
    for (const name of ['.env', '.env.local', '.env.example']) sandbox.write(name, 'A=1\n');
    sandbox.run('git init -q . && strongroom init --yes && git add -A');
    expect(sandbox.run('git ls-files').stdout).toBe('.env.example\n.gitignore\n');
  });

  test('is not made where there is no git', () => {
    sandbox.run('strongroom init --yes');
    expect(sandbox.run('ls -A').stdout).toBe('.strongroom\n');
  });
});
