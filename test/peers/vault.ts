import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { parseDotenv } from '../../src/formats/dotenv.ts';
import { serializeLayout } from '../../src/formats/dotenv-layout.ts';
import { init, open, SecretValue, type NewVault } from '../../src/index.ts';
import { toBase64 } from '../../src/lib/base64.ts';
import { utf8 } from '../../src/lib/bytes.ts';
import { realisticDotenv } from '../../src/testing/realistic-dotenv.ts';
import type { Report } from './report.ts';
import { lastLine, run } from './tools.ts';

interface Opened {
  readonly secrets: Readonly<
    Record<
      string,
      {
        readonly kind: string;
        readonly fields: Readonly<Record<string, string>>;
        readonly versions: number;
        readonly description: string | null;
      }
    >
  >;
  readonly layouts: Readonly<Record<string, string>>;
  readonly entries: number;
  readonly checks: Readonly<Record<string, { readonly passed: number; readonly failed: number }>>;
}

const PASSPHRASE = 'korrekte\u00a0Pferde und Batterieklammern, zu\u0308gig';
const BYTES = new Uint8Array(300).map((_, at) => at % 256);
/** Enough for full tiles of two entries' width, and for an anchor within the log. */
const READS = 600;

/** A vault made here, opened by a program that knows docs/spec and shares no code with us. */
export async function vaultBySpec(
  python: string,
  directory: string,
  report: Report,
): Promise<void> {
  const made = await makeVault(directory);
  const { keys } = made;
  for (const [kind, files] of Object.entries(keys)) {
    const opened = openWith(python, made.path, { kind, files }, report);
    if (opened === undefined) continue;
    if (kind === 'keyfile') checkContent(opened, report);
    const failed = Object.values(opened.checks).reduce((total, each) => total + each.failed, 0);
    report.check(`the ${kind} slot opens the vault, by the spec`, failed === 0);
  }
  const pbkdf2 = await makePbkdf2Vault(directory);
  const opened = openWith(python, pbkdf2.path, { kind: 'passphrase', files: pbkdf2.files }, report);
  report.check(
    'a PBKDF2 passphrase slot opens the vault, by the spec',
    opened !== undefined && Object.values(opened.checks).every((each) => each.failed === 0),
  );
  refusesAltered(python, made, report);
}

function openWith(
  python: string,
  path: string,
  { kind, files }: { readonly kind: string; readonly files: readonly string[] },
  report: Report,
): Opened | undefined {
  const peer = run(python, [join(import.meta.dirname, 'open_vault.py'), path, kind, ...files]);
  if (peer.ok) return JSON.parse(peer.stdout) as Opened;
  report.check(`the vault opens with ${kind}`, false, lastLine(peer));
  return undefined;
}

function base64(text: string): string {
  return toBase64(utf8(text));
}

function checkContent(opened: Opened, report: Report): void {
  for (const [name, { passed, failed }] of Object.entries(opened.checks)) {
    report.check(`${name} (${passed + failed}), by the spec`, failed === 0 && passed > 0);
  }
  const { secrets } = opened;
  const single = (name: string): string | undefined => secrets[name]?.fields[''];
  const is = (what: string, holds: boolean): void => report.check(`${what} reads the same`, holds);
  is('text', single('production/payments/STRIPE_KEY') === base64('not-a-real-key-2'));
  is('text beyond ASCII', single('staging/UNICODE') === base64('Grüße 👋\n'));
  is('empty text', single('staging/EMPTY') === '');
  is('bytes', single('staging/keystore') === toBase64(BYTES));
  const fields = secrets['production/db']?.fields;
  is(
    'a secret with fields',
    fields?.['user'] === base64('shop') && fields['pass'] === base64('p#ss'),
  );
  is('a description', secrets['production/db']?.description === 'für das Lager');
  is('the number of versions', secrets['production/payments/STRIPE_KEY']?.versions === 2);
  is('an imported .env', opened.layouts['development'] === realisticDotenv());
  is('a deleted secret, which is gone,', !Object.hasOwn(secrets, 'staging/GONE'));
  report.check('the log has an entry for every call', opened.entries > READS);
}

/** What is altered in the file must be noticed by the same program: a check that never fails is none. */
function refusesAltered(python: string, made: Made, report: Report): void {
  const script = [
    'import sqlite3, sys',
    'd = sqlite3.connect(sys.argv[1])',
    `d.execute("UPDATE secrets SET updated_at = updated_at + 1 WHERE path = 'db'")`,
    `d.execute("UPDATE audit_entries SET body = replace(body, 'secrets.read', 'secrets.list') WHERE seq = 100")`,
    'd.commit()',
  ].join('\n');
  run(python, ['-c', script, join(made.path, 'vault.db')]);
  const opened = openWith(
    python,
    made.path,
    { kind: 'keyfile', files: made.keys['keyfile'] ?? [] },
    report,
  );
  const failed = (name: string): boolean => (opened?.checks[name]?.failed ?? 0) > 0;
  report.check('an altered row is noticed, by the spec', failed('row MACs of secrets'));
  report.check('an altered entry is noticed, by the spec', failed('leaf hashes in tiles'));
}

interface Made {
  readonly path: string;
  readonly keys: Readonly<Record<string, readonly string[]>>;
}

async function makeVault(directory: string): Promise<Made> {
  const path = join(directory, 'vault');
  const configDirectory = join(directory, 'config');
  const env = SecretValue.text(randomBytes(48).toString('base64'));
  const made = await init({
    path,
    configDirectory,
    owner: 'ada',
    slots: [
      { kind: 'keyfile' },
      { kind: 'recovery' },
      { kind: 'env', key: env },
      { kind: 'passphrase', passphrase: SecretValue.text(PASSPHRASE) },
      { kind: 'shamir', threshold: 3, shares: 5 },
    ],
  });
  await fill(path, configDirectory);
  return { path, keys: writeKeys(join(directory, 'keys'), made, env) };
}

async function fill(path: string, configDirectory: string): Promise<void> {
  await using vault = await open({ path, configDirectory });
  const { secrets } = vault.as({ principal: 'ada', ip: '192.0.2.7', sessionId: 'browser' });
  const stripe = { environment: 'production', path: 'payments/STRIPE_KEY' };
  await secrets.write({ ...stripe, value: 'not-a-real-key-1' });
  await secrets.write({ ...stripe, value: 'not-a-real-key-2' }, { idempotencyKey: 'once' });
  const db = { environment: 'production', path: 'db', value: { user: 'shop', pass: 'p#ss' } };
  await secrets.write({ ...db, description: 'für das Lager', tags: ['shop'] });
  const inStaging = { UNICODE: 'Grüße 👋\n', EMPTY: '', keystore: BYTES, GONE: 'x' };
  for (const [name, value] of Object.entries(inStaging)) {
    await secrets.write({ environment: 'staging', path: name, value });
  }
  await secrets.delete({ environment: 'staging', path: 'GONE' });
  const layout = SecretValue.text(serializeLayout(parseDotenv(realisticDotenv())));
  await secrets.import({ environment: 'development', secrets: [], layout });
  await Promise.all(Array.from({ length: READS }, () => secrets.read(stripe)));
}

function writeKeys(directory: string, made: NewVault, env: SecretValue): Made['keys'] {
  mkdirSync(directory);
  const write = (name: string, value: SecretValue | undefined): string => {
    const file = join(directory, name);
    writeFileSync(file, `${value?.reveal() ?? ''}\n`, { mode: 0o600 });
    return file;
  };
  const shares = (made.shares ?? []).map((share, at) => write(`share-${at + 1}`, share));
  return {
    keyfile: made.keyFiles,
    recovery: [write('recovery', made.recovery)],
    env: [write('env', env)],
    passphrase: [write('passphrase', SecretValue.text(PASSPHRASE))],
    shamir: [shares[4], shares[0], shares[2]].filter((file) => file !== undefined),
  };
}

async function makePbkdf2Vault(directory: string): Promise<{ path: string; files: string[] }> {
  const path = join(directory, 'pbkdf2');
  const file = join(directory, 'passphrase');
  writeFileSync(file, PASSPHRASE);
  const passphrase = SecretValue.text(readFileSync(file, 'utf8'));
  const slots = [{ kind: 'passphrase', passphrase, kdf: 'pbkdf2' }] as const;
  await init({ path, configDirectory: join(directory, 'config'), owner: 'ada', slots });
  return { path, files: [file] };
}
