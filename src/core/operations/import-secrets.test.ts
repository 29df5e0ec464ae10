import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createUser } from '../../domain/access/principals.ts';
import { dotenvValues, parseDotenv } from '../../formats/dotenv.ts';
import { parseLayout, serializeLayout } from '../../formats/dotenv-layout.ts';
import { mergeLayouts } from '../../formats/merge-layouts.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { SecretValue } from '../../secret-value.ts';
import { GRANTS } from '../../store/protected-tables.ts';
import { insertRow } from '../../store/rows.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  putRow,
  storedRows,
  tamper,
  type OpenParts,
  type StoredRow,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Session } from '../session.ts';

let place: TemporaryVault;
let parts: OpenParts;
let session: Session;
beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  session = parts.as(OWNER);
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

const text = 'A=one\nDB_PASSWORD=two\n';
/** The secrets that the file is of. */
const ofFile = [
  { path: 'A', value: 'one' },
  { path: 'db/password', value: 'two' },
];
const layout = (): SecretValue =>
  SecretValue.text(
    serializeLayout(
      parseDotenv(text),
      new Map([
        ['A', 'A'],
        ['DB_PASSWORD', 'db/password'],
      ]),
    ),
  );

async function withGrants(
  name: string,
  grants: readonly (readonly ['allow' | 'deny', string, string])[],
): Promise<Session> {
  await parts.write(async (work) => {
    const { id } = await createUser(work, uuidv7(), name);
    for (const [effect, capabilities, pattern] of grants) {
      await insertRow(work.transaction, work.mac, GRANTS, {
        id: uuidv7(),
        workspace_id: null,
        subject_kind: 'principal',
        subject_id: id,
        effect,
        capabilities,
        pattern,
        conditions: null,
        created_at: 1,
        created_by: null,
        secret_id: null,
      });
    }
  });
  return parts.as(name);
}

describe('an import', () => {
  it('makes what is new, changes what differs, and leaves the rest alone', async () => {
    const environment = 'staging';
    await session.secrets.write({ environment, path: 'same', value: 'v', type: 'password' });
    await session.secrets.write({ environment, path: 'other', value: { a: 'x', b: 'y' } });
    const result = await session.secrets.import({
      environment,
      secrets: [
        { path: 'new', value: 'n', type: 'api_key' },
        { path: 'same', value: 'v', type: 'api_key' },
        { path: 'other', value: { a: 'z' }, type: 'api_key' },
      ],
    });
    expect(result).toEqual({ created: ['new'], updated: ['other'], unchanged: ['same'] });
    expect(await session.secrets.describe({ environment, path: 'new' })).toMatchObject({
      version: 1,
      type: 'api_key',
    });
    expect(await session.secrets.describe({ environment, path: 'same' })).toMatchObject({
      version: 1,
      type: 'password',
    });
    const other = await session.secrets.read({ environment, path: 'other' });
    expect(other).toMatchObject({ version: 2, type: 'generic' });
    expect(other.kind === 'fields' && Object.keys(other.fields)).toEqual(['a']);
  });

  it('only tells what it would do, if it is only tried', async () => {
    const environment = 'staging';
    await session.secrets.write({ environment, path: 'tried', value: 'v' });
    const before = await session.secrets.list({ environment });
    const input = {
      environment,
      secrets: [
        { path: 'untried', value: 'n' },
        { path: 'tried', value: 'w' },
      ],
      layout: layout(),
    };
    const tried = await session.secrets.import({ ...input, dryRun: true });
    expect(tried).toEqual({ created: ['untried'], updated: ['tried'], unchanged: [] });
    expect(await session.secrets.list({ environment })).toEqual(before);
    expect((await session.layouts.read({ environment })).layout).toBeUndefined();
    const { entries } = await session.audit.query({ environment, limit: 10 });
    expect(entries.find(({ action }) => action === 'secrets.import')?.detail).toBe(
      '2 secrets, only tried',
    );
    expect(await session.secrets.import({ ...input, layout: undefined })).toEqual(tried);
  });

  it('lets nobody find a value out by trying: each is on record, few a minute, and one of a secret', async () => {
    const environment = 'guesses';
    await session.environments.create({ name: environment });
    await session.secrets.write({ environment, path: 'PIN', value: '4711' });
    const guess = (...values: readonly string[]): Promise<unknown> =>
      session.secrets.import({
        environment,
        secrets: values.map((value) => ({ path: 'PIN', value })),
        dryRun: true,
      });
    await expect(guess('1', '2')).rejects.toMatchObject({ code: 'invalid_input' });
    for (const each of ['1', '2', '3', '4', '4711']) await guess(each);
    await expect(guess('4711')).rejects.toMatchObject({ code: 'rate_limited' });
    const { entries } = await session.audit.query({ environment, action: 'secrets.verify' });
    expect(entries.map(({ detail }) => detail)).toEqual([
      'matches',
      ...Array.from({ length: 4 }, () => 'differs'),
    ]);
    // What is written says so itself.
    await session.secrets.import({ environment, secrets: [{ path: 'PIN', value: '5' }] });
    expect((await session.secrets.describe({ environment, path: 'PIN' })).version).toBe(2);
  });

  it('tells text from the bytes of that text, and an empty value from none', async () => {
    const environment = 'staging';
    await session.secrets.write({ environment, path: 'kind', value: 'v' });
    const bytes = await session.secrets.import({
      environment,
      secrets: [{ path: 'kind', value: Buffer.from('v') }],
    });
    expect(bytes.updated).toEqual(['kind']);
    const empty = await session.secrets.import({
      environment,
      secrets: [{ path: 'empty', value: '' }],
    });
    expect(empty.created).toEqual(['empty']);
  });

  it('keeps nothing if one of the secrets cannot be kept', async () => {
    const before = await session.secrets.list({ environment: 'testing' });
    const good = Array.from({ length: 20 }, (_, n) => ({ path: `ok-${n}`, value: 'v' }));
    for (const bad of [
      { path: 'large', value: 'x'.repeat(1024 * 1024 + 1) },
      { path: '../up', value: 'v' },
      { path: 'fields', value: { 'a b': 'v' } },
    ]) {
      await expect(
        session.secrets.import({
          environment: 'testing',
          secrets: [...good, bad],
          layout: layout(),
        }),
      ).rejects.toThrow();
    }
    expect(await session.secrets.list({ environment: 'testing' })).toEqual(before);
    expect((await session.layouts.read({ environment: 'testing' })).layout).toBeUndefined();
  });

  it('puts each change on record beside itself, under one request', async () => {
    await session.secrets.import({
      environment: 'testing',
      secrets: [
        { path: 'r/1', value: 'v' },
        { path: 'r/2', value: 'v' },
      ],
    });
    await session.secrets.import({
      environment: 'testing',
      secrets: [
        { path: 'r/1', value: 'v' },
        { path: 'r/2', value: 'w' },
      ],
    });
    const { entries } = await session.audit.query({ environment: 'testing', limit: 7 });
    const [updated, compared, second, two, one, first] = entries;
    expect(compared).toMatchObject({
      action: 'secrets.verify',
      path: 'r/1',
      version: 1,
      detail: 'matches',
    });
    expect(compared?.secret_id).toBe(one?.secret_id);
    expect([first?.action, second?.action]).toEqual(['secrets.import', 'secrets.import']);
    expect([one?.action, one?.path, two?.action, two?.path]).toEqual([
      'secrets.create',
      'r/1',
      'secrets.create',
      'r/2',
    ]);
    expect(updated).toMatchObject({ action: 'secrets.update', path: 'r/2', version: 2 });
    expect(new Set([first?.request, one?.request, two?.request]).size).toBe(1);
    expect(updated?.request).toBe(second?.request);
    expect(first?.detail).toBe('2 secrets');
  });

  it('needs the right to write and to read each path', async () => {
    const reader = await withGrants('i-reader', [['allow', 'read list', '**']]);
    const writer = await withGrants('i-writer', [['allow', 'write list', '**']]);
    const both = await withGrants('i-both', [
      ['allow', 'write read', '**'],
      ['deny', 'write', 'default/testing/no'],
    ]);
    const ask = (who: Session, path: string): Promise<unknown> =>
      who.secrets.import({
        environment: 'testing',
        secrets: [
          { path: 'yes', value: 'v' },
          { path, value: 'v' },
        ],
      });
    for (const who of [reader, writer]) {
      await expect(ask(who, 'a')).rejects.toMatchObject({ code: 'denied' });
    }
    await expect(ask(both, 'no')).rejects.toMatchObject({ code: 'denied' });
    await expect(
      session.secrets.read({ environment: 'testing', path: 'yes' }),
    ).rejects.toMatchObject({ code: 'secret_not_found' });
    await expect(ask(both, 'a')).resolves.toMatchObject({ created: ['yes', 'a'] });
  });
});

describe('a layout', () => {
  it('that is none is refused with all that came with it', async () => {
    const environment = 'production';
    for (const none of ['A=v', '{}', '{"format":2,"text":"","paths":[]}']) {
      const secrets = [{ path: 'with/none', value: 'v' }];
      await expect(
        session.secrets.import({ environment, secrets, layout: SecretValue.text(none) }),
      ).rejects.toMatchObject({ code: 'invalid_input' });
    }
    await expect(session.secrets.read({ environment, path: 'with/none' })).rejects.toMatchObject({
      code: 'secret_not_found',
    });
  });

  it('comes back as it was, and the next one is merged into it', async () => {
    const environment = 'production';
    expect((await session.layouts.read({ environment })).layout).toBeUndefined();
    await session.secrets.import({ environment, secrets: ofFile, layout: layout() });
    const read = (await session.layouts.read({ environment })).layout;
    expect(read?.equals(layout())).toBe(true);
    const next = SecretValue.text(serializeLayout(parseDotenv('B=1\n')));
    const ofNext = [{ path: 'B', value: '1' }];
    await session.secrets.import({ environment, secrets: ofNext, layout: next });
    const merged = parseLayout(
      (await session.layouts.read({ environment })).layout?.reveal() ?? '',
    );
    const first = parseLayout(layout().reveal());
    expect(merged).toEqual(
      mergeLayouts(first, { document: parseDotenv('B=1\n'), paths: new Map() }),
    );
    expect(merged.document.text.startsWith(first.document.text)).toBe(true);
    expect(merged.document.text.endsWith('B=1\n')).toBe(true);
    const whole = SecretValue.text(serializeLayout(parseDotenv(`B=2\n${first.document.text}`)));
    const valuesOfWhole = dotenvValues(parseLayout(whole.reveal()).document);
    const ofWhole = [...valuesOfWhole].map(([path, value]) => ({ path, value }));
    await session.secrets.import({ environment, secrets: ofWhole, layout: whole });
    expect((await session.layouts.read({ environment })).layout?.equals(whole)).toBe(true);
  });

  it('is on record by its revision, and is refused if an older one was put in its place', async () => {
    const environment = 'staging';
    const stored = (): StoredRow => tamper(place, (db) => storedRows(db, 'layouts')).at(-1) ?? {};
    await session.secrets.import({ environment, secrets: [], layout: layout() });
    const old = stored();
    const next = SecretValue.text(serializeLayout(parseDotenv('B=1\n')));
    await session.secrets.import({ environment, secrets: [], layout: next });
    const imports = { environment, action: 'secrets.import', limit: 2 };
    const { entries } = await session.audit.query(imports);
    expect(entries.map(({ detail }) => detail)).toEqual([
      '0 secrets, layout 2',
      '0 secrets, layout 1',
    ]);
    const right = stored();
    const { envelope = null, revision = null } = old;
    tamper(place, (db) => putRow(db, 'layouts', { ...right, envelope, revision }));
    const refused = { code: 'integrity_error', details: { table: 'layouts' } };
    await expect(session.layouts.read({ environment })).rejects.toMatchObject(refused);
    const again = session.secrets.import({ environment, secrets: [], layout: next });
    await expect(again).rejects.toMatchObject(refused);
    tamper(place, (db) => putRow(db, 'layouts', right));
    await expect(session.layouts.read({ environment })).resolves.toBeDefined();
  });

  it('stays as it is for somebody who may not read all of it', async () => {
    const environment = 'production';
    const kept = (await session.layouts.read({ environment })).layout;
    const most = await withGrants('l-not-all', [
      ['allow', 'read write list', 'default/production/**'],
      ['deny', 'read', 'default/production/B'],
    ]);
    const paths = new Map([['B', 'elsewhere']]);
    const next = SecretValue.text(serializeLayout(parseDotenv('B=1\nZ=1\n'), paths));
    await most.secrets.import({ environment, secrets: [{ path: 'z', value: 'v' }], layout: next });
    const after = (await session.layouts.read({ environment })).layout;
    expect(kept !== undefined && after?.equals(kept)).toBe(true);
    expect((await session.layouts.read({ environment: 'development' })).layout).toBeUndefined();
  });

  it('is not replaced by somebody who may not write in the environment', async () => {
    const reader = await withGrants('l-reader', [['allow', 'read list', '**']]);
    const elsewhere = await withGrants('l-elsewhere', [
      ['allow', 'read write', 'default/testing/**'],
    ]);
    const before = (await session.layouts.read({ environment: 'production' })).layout;
    for (const who of [reader, elsewhere]) {
      await expect(
        who.secrets.import({ environment: 'production', secrets: [], layout: layout() }),
      ).rejects.toMatchObject({ code: 'denied' });
    }
    const after = (await session.layouts.read({ environment: 'production' })).layout;
    expect(before !== undefined && after?.equals(before)).toBe(true);
  });

  it('has no line of what can be read no more, and is on record as a read of each that it has', async () => {
    const environment = 'layouts';
    await session.environments.create({ name: environment });
    const paths = ['gone', 'asleep', 'moved', 'there'];
    const secrets = paths.map((path) => ({ path, value: `value of ${path}` }));
    const lines = secrets.map(({ path, value }) => `${path}="${value}"\n`);
    const file = SecretValue.text(serializeLayout(parseDotenv(`# top\n${lines.join('')}`)));
    await session.secrets.import({ environment, secrets, layout: file });
    await session.secrets.delete({ environment, path: 'gone' });
    await session.secrets.update({ environment, path: 'asleep', active: false });
    await session.secrets.rename({ environment, path: 'moved', to: 'elsewhere' });
    const { layout: given } = await session.layouts.read({ environment });
    expect(parseLayout(given?.reveal() ?? '').document.text).toBe(
      '# top\nthere="value of there"\n',
    );
    const { entries } = await session.audit.query({ environment, action: 'secrets.read' });
    const { id } = await session.secrets.describe({ environment, path: 'there' });
    expect(entries).toMatchObject([
      { path: 'there', secret_id: id, version: 1, detail: 'in the layout' },
    ]);
  });

  it('has the values of now alone, whatever stood in the file', async () => {
    const environment = 'layouts-now';
    await session.environments.create({ name: environment });
    const secrets = ['changed', 'replaced', 'binary', 'stays'].map((path) => ({
      path,
      value: `imported-${path}`,
    }));
    const file = secrets.map(
      ({ path, value }) => `${path}=before-${path}\n${path}=${value} # ${path}\n`,
    );
    const layout = SecretValue.text(serializeLayout(parseDotenv(file.join(''))));
    await session.secrets.import({ environment, secrets, layout });
    await session.secrets.update({ environment, path: 'changed', value: 'now 1' });
    await session.secrets.delete({ environment, path: 'replaced' });
    await session.secrets.create({ environment, path: 'replaced', value: 'now2' });
    await session.secrets.update({ environment, path: 'binary', value: Uint8Array.of(0, 255) });
    const { layout: given } = await session.layouts.read({ environment });
    expect(parseLayout(given?.reveal() ?? '').document.text).toBe(
      "changed='now 1' # changed\nreplaced=now2 # replaced\n" +
        'stays=before-stays\nstays=imported-stays # stays\n',
    );
    const { entries } = await session.audit.query({ environment, action: 'secrets.read' });
    expect(entries.map(({ path, version }) => [path, version])).toEqual([
      ['stays', 1],
      ['replaced', 1],
      ['changed', 2],
    ]);
  });

  it('is not given to somebody who may not read one of its variables', async () => {
    const given = { environment: 'development', secrets: ofFile, layout: layout() };
    await session.secrets.import(given);
    const most = await withGrants('l-most', [
      ['allow', 'read list', 'default/development/**'],
      ['deny', 'read', 'default/development/db/**'],
    ]);
    const every = await withGrants('l-all', [['allow', 'read', 'default/development/**']]);
    const at = { environment: 'development' };
    expect((await most.layouts.read(at)).layout).toBeUndefined();
    expect((await every.layouts.read(at)).layout?.equals(layout())).toBe(true);
    const outside = await withGrants('l-none', [['allow', 'list', '**']]);
    await expect(outside.layouts.read(at)).rejects.toMatchObject({ code: 'denied' });
  });
});
