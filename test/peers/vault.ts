import { join } from 'node:path';

import { toBase64 } from '../../src/lib/base64.ts';
import { utf8 } from '../../src/lib/bytes.ts';
import { realisticDotenv } from '../../src/testing/realistic-dotenv.ts';
import type { Report } from './report.ts';
import { BYTES, makePbkdf2Vault, READS, type SampleVault } from './sample-vault.ts';
import { lastLine, run } from './tools.ts';

interface Value {
  readonly kind: string;
  readonly fields: Readonly<Record<string, string>>;
}

interface Token {
  readonly principal: string;
  readonly limits: { readonly can?: readonly string[] } | null;
  readonly uses_left: number | null;
  readonly valid: boolean;
}

/** What `open_vault.py` read in the tables of a vault, or of a backup. */
export interface Opened {
  readonly secrets: Readonly<
    Record<
      string,
      Value & {
        readonly versions: number;
        readonly description: string | null;
        readonly states: readonly { readonly name: string; readonly description: string | null }[];
      }
    >
  >;
  readonly layouts: Readonly<Record<string, string>>;
  readonly personal: Readonly<Record<string, Value & { readonly revision: number }>>;
  /** What each credential is that it was given; null where there is no such row. */
  readonly tokens: readonly (Token | null)[];
  readonly entries: number;
  /** By `workspace/number`. */
  readonly workspace_keys: Readonly<
    Record<string, { readonly state: string; readonly envelopes: number }>
  >;
  readonly checks: Readonly<Record<string, { readonly passed: number; readonly failed: number }>>;
}

/** A vault made here, opened by a program that knows docs/spec and shares no code with us. */
export async function vaultBySpec(
  python: string,
  { made, directory }: { readonly made: SampleVault; readonly directory: string },
  report: Report,
): Promise<void> {
  const { keys } = made;
  for (const [kind, files] of Object.entries(keys)) {
    const isFirst = kind === 'keyfile';
    const tokens = ['--tokens', ...TOKENS.map((name) => made.tokens[name])];
    const more = isFirst ? [...tokens, '--person', made.person] : [];
    const opened = openWith(python, made.path, { kind, files: [...files, ...more] }, report);
    if (opened === undefined) continue;
    if (isFirst) {
      checkTokens(opened, report);
      reportChecks(opened, 'by the spec', report);
      checkContent(opened, 'by the spec', report);
      checkHistory(opened, 'by the spec', report);
    }
    report.check(`the ${kind} slot opens the vault, by the spec`, holdsWhole(opened));
  }
  const pbkdf2 = await makePbkdf2Vault(directory);
  const opened = openWith(python, pbkdf2.path, { kind: 'passphrase', files: pbkdf2.files }, report);
  report.check(
    'a PBKDF2 passphrase slot opens the vault, by the spec',
    opened !== undefined && holdsWhole(opened),
  );
  refusesAltered(python, made, report);
}

const TOKENS = ['used', 'revoked', 'void', 'secretId'] as const;

function checkTokens({ tokens }: Opened, report: Report): void {
  const [used, revoked, old, secretId] = tokens;
  const is = (what: string, holds: boolean): void => report.check(`${what}, by the spec`, holds);
  is('a credential is found by its digest', used?.principal === 'ci');
  is('what it is limited to reads the same', used?.limits?.can?.join() === 'list,read');
  is('it is valid, and was used once of three times', used?.valid === true && used.uses_left === 2);
  is('a credential that was revoked has no row', revoked === null);
  is('one of a machine that was disabled is void', old?.principal === 'old' && !old.valid);
  is('a secret id was used once of twice', secretId?.valid === true && secretId.uses_left === 1);
}

/** Whether nothing that was compared differed. */
export function holdsWhole({ checks }: Opened): boolean {
  return Object.values(checks).every(({ failed }) => failed === 0);
}

/** Counts everything that the peer compared, each under its name. */
export function reportChecks({ checks }: Opened, by: string, report: Report): void {
  for (const [name, { passed, failed }] of Object.entries(checks)) {
    report.check(`${name} (${passed + failed}), ${by}`, failed === 0 && passed > 0);
  }
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

/** Compares values as they were written with what the peer read. */
export function checkContent(opened: Opened, by: string, report: Report): void {
  const { secrets } = opened;
  const single = (name: string): string | undefined => secrets[name]?.fields[''];
  const is = (what: string, holds: boolean): void =>
    report.check(`${what} reads the same, ${by}`, holds);
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
  report.check(`the log has an entry for every call, ${by}`, opened.entries > READS);
}

/** What schema 2 adds: states, personal values, keys that were rotated. */
export function checkHistory(opened: Opened, by: string, report: Report): void {
  const { secrets, personal } = opened;
  const is = (what: string, holds: boolean): void =>
    report.check(`${what} reads the same, ${by}`, holds);
  const moved = secrets['production/new/KEY'];
  is('a secret that was moved', moved?.fields[''] === base64('second') && moved.versions === 2);
  is('its description', moved?.description === 'nachher');
  const before = (moved?.states ?? []).map(({ name, description }) => `${name} ${description}`);
  is(
    'what it was before',
    before.includes('staging/old/KEY vorher') && before.at(-1) === 'production/new/KEY vorher',
  );
  const elsewhere = secrets['production/elsewhere/KEY'];
  is('a secret of another workspace', elsewhere?.fields[''] === base64('goes'));
  const was = elsewhere?.states.map(({ name, description }) => `${name} ${description}`);
  is('what it was in the one before', was?.join() === 'staging/goes/KEY dort');
  is('a destroyed secret, which is gone,', !Object.hasOwn(secrets, 'staging/DESTROYED'));
  is('what is left of one', secrets['staging/PARTLY']?.fields[''] === base64('two'));
  const mine = personal['ada:development/db/URL'];
  is('a personal value', mine?.fields[''] === base64('postgres://localhost/mine'));
  is('how often it was set', mine?.revision === 2);
  checkKeys(opened, by, report);
}

function checkKeys({ workspace_keys: all }: Opened, by: string, report: Report): void {
  const keys = [1, 2, 3].map((number) => all[`default/${number}`]);
  const states = keys.map((key) => key?.state).join(' ');
  report.check(
    `the state of keys reads the same, ${by}`,
    states === 'destroyed decrypt-only active',
  );
  const envelopes = keys.map((key) => key?.envelopes ?? 0);
  report.check(
    `envelopes open under the key before (${envelopes[1]}) and the active one (${envelopes[2]}), ${by}`,
    envelopes[0] === 0 && envelopes.slice(1).every((count) => count > 0),
  );
}

/** What is altered in the file must be noticed by the same program: a check that never fails is none. */
function refusesAltered(python: string, made: SampleVault, report: Report): void {
  const script = [
    'import sqlite3, sys',
    'd = sqlite3.connect(sys.argv[1])',
    `d.execute("UPDATE secrets SET updated_at = updated_at + 1 WHERE path = 'db'")`,
    `d.execute("UPDATE secret_states SET ended_by = secret_id WHERE number = 1")`,
    `d.execute("UPDATE personal_values SET updated_at = updated_at + 1")`,
    `d.execute("DELETE FROM settings WHERE workspace_id IS NULL")`,
    `d.execute("UPDATE tokens SET uses_left = 3 WHERE uses_left = 2")`,
    `d.execute("DELETE FROM revocations")`,
    `d.execute("UPDATE audit_entries SET body = replace(body, 'secrets.read', 'secrets.list') WHERE seq = 100")`,
    'd.commit()',
  ].join('\n');
  run(python, ['-c', script, join(made.path, 'vault.db')]);
  const key = { kind: 'keyfile', files: made.keys['keyfile'] ?? [] };
  const opened = openWith(python, made.path, key, report);
  const notices = (what: string, name: string): void =>
    report.check(`${what} is noticed, by the spec`, (opened?.checks[name]?.failed ?? 0) > 0);
  notices('an altered row', 'row MACs of secrets');
  notices('an altered state', 'row MACs of secret_states');
  notices('an altered personal value', 'row MACs of personal_values');
  notices('a setting that is gone', 'integrity rows: count');
  notices('an altered credential', 'row MACs of tokens');
  notices('more uses than there were', 'uses that are left');
  notices('an altered entry', 'leaf hashes in tiles');
}
