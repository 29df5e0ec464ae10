import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';

import {
  ANSWERED,
  at,
  CALLER,
  ELEMENTS,
  FOREIGN,
  NAMELESS,
  NAMES,
  OF_ONESELF,
  OURS,
  type Own,
  type Theirs,
} from '../../testing/foreign-ids.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  storedRows,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { AuditEntry } from '../../domain/audit/entry.ts';
import type { Operation } from '../operation.ts';
import type { Session } from '../session.ts';
import { operations } from './operations.ts';

const named = Object.entries(operations).flatMap(([group, methods]) =>
  Object.entries(methods as Readonly<Record<string, Operation<unknown, unknown>>>).map(
    ([method, operation]) => ({ group, method, name: `${group}.${method}`, operation }),
  ),
);

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
}

/** The parameters that a schema has, those of members as `member.parameter` and of lists as `list[]`. */
function parametersOf(schema: JsonSchema, name = ''): readonly string[] {
  const options = schema.anyOf ?? schema.oneOf;
  if (options !== undefined) return options.flatMap((option) => parametersOf(option, name));
  if (schema.properties !== undefined) {
    return Object.entries(schema.properties).flatMap(([member, inner]) =>
      parametersOf(inner, name === '' ? member : `${name}.${member}`),
    );
  }
  return schema.items === undefined ? [name] : parametersOf(schema.items, `${name}[]`);
}

const parameters = named.flatMap(({ name, operation }) => {
  const schema = z.toJSONSchema(operation.input, { unrepresentable: 'any', io: 'input' });
  const found = parametersOf(schema as JsonSchema).filter((each) => each !== '');
  return [...new Set(found)].map((parameter) => ({ name, parameter }));
});

/** The input with another value for a parameter. */
function replaced(input: object, parameter: string, value: unknown): object {
  const [first = '', ...rest] = parameter.split('.');
  const member = first.replace('[]', '');
  const isList = first !== member;
  if (rest.length === 0) return { ...input, [member]: isList ? [value] : value };
  const present = (input as Readonly<Record<string, object | undefined>>)[member];
  const inner = isList ? (present as readonly object[] | undefined)?.[0] : present;
  const changed = replaced(inner ?? ELEMENTS[member] ?? {}, rest.join('.'), value);
  return { ...input, [member]: isList ? [changed] : changed };
}

const foreignOf = (name: string, parameter: string): ((theirs: Theirs) => unknown) | undefined =>
  NAMELESS.has(`${name}.${parameter}`)
    ? undefined
    : (FOREIGN[`${name}.${parameter}`] ?? FOREIGN[parameter]);

/** Whether a parameter, or a member that it is part of, names nothing. */
function isNameless(name: string, parameter: string): boolean {
  if (NAMELESS.has(`${name}.${parameter}`)) return true;
  const parts = parameter.split('.');
  return parts.some((_, index) => NAMELESS.has(parts.slice(0, index + 1).join('.')));
}

const cases = parameters.filter(({ name, parameter }) => foreignOf(name, parameter) !== undefined);
/** Where a workspace is named, everything in it is named with it once more. */
const ADDRESS = ['workspace', 'environment', 'path', 'prefix', 'folder', 'name', 'change'];

let place: TemporaryVault;
let parts: OpenParts;
let owner: Session;
let caller: Session;
let theirs: Theirs;
let own: Omit<Own, 'path' | 'secret'>;
let secrets: ReadonlyMap<string, string>;

beforeAll(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  owner = parts.as(OWNER);
  caller = parts.as(CALLER);
  await owner.users.create({ name: CALLER });
  await owner.machines.create({ name: 'our-bot' });
  await owner.machines.create({ name: 'foreign-bot' });
  await makeTheirs();
  await makeOurs();
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

async function makeTheirs(): Promise<void> {
  const { workspace, environment, path, gone, value, description, tag } = NAMES;
  const there = { workspace, environment };
  await owner.workspaces.create({ name: workspace });
  await owner.environments.create({ workspace, name: environment });
  for (const each of [path, gone]) {
    await owner.secrets.write({ ...there, path: each, value, description, tags: [tag] });
  }
  await owner.secrets.delete({ ...there, path: gone });
  await owner.groups.create({ workspace, name: NAMES.group });
  await owner.roles.create({ workspace, name: NAMES.role });
  const member = 'machine:foreign-bot';
  await owner.groups.add({ workspace, name: NAMES.group, member });
  await owner.roles.assign({ workspace, name: NAMES.role, member });
  const subject = `role:${NAMES.role}`;
  const { id: grant } = await owner.access.grant({
    subject,
    can: ['read'],
    pattern: `${workspace}/**`,
  });
  await parts.as('foreign-bot').secrets.read({ ...there, path });
  const [entry] = (await owner.audit.query({ workspace, environment, path, limit: 1 })).entries;
  if (entry === undefined) throw new TypeError('it was read');
  const written = await owner.audit.query({ workspace, path, action: 'secrets.write', limit: 1 });
  theirs = tamper(place, (db) => ({
    workspaceId: idIn(storedRows(db, 'workspaces'), workspace),
    environmentId: idIn(storedRows(db, 'environments'), environment),
    secret: idIn(storedRows(db, 'secrets'), path),
    gone: idIn(storedRows(db, 'secrets'), gone),
    group: idIn(storedRows(db, 'groups'), NAMES.group),
    role: idIn(storedRows(db, 'roles'), NAMES.role),
    bot: idIn(storedRows(db, 'principals'), 'foreign-bot'),
    grant,
    request: written.entries[0]?.request ?? '',
    seq: entry.seq,
  }));
}

async function makeOurs(): Promise<void> {
  const workspace = 'ours';
  await owner.workspaces.create({ name: workspace });
  await owner.roles.assign({ name: 'owner', member: `user:${CALLER}`, workspace });
  for (const age of ['our', 'old']) {
    await owner.groups.create({ workspace, name: `${age}-group` });
    await owner.roles.create({ workspace, name: `${age}-role` });
  }
  const since = new Date().toISOString();
  for (const { name } of named) {
    for (const value of ['u', 'v']) {
      await owner.secrets.write({ ...at, path: `own/${name}`, value, tags: ['ours'] });
    }
  }
  for (const name of ['secrets.rollback', 'secrets.retire']) {
    await owner.secrets.rotate({ ...at, path: `own/${name}`, newValue: 'w' });
  }
  await caller.secrets.override({ ...at, path: 'own/secrets.removeOverride', value: 'mine' });
  const folder = 'own';
  const source = { workspace, environment: 'testing', folder };
  await owner.imports.create({ ...at, folder, source });
  const path = 'own/gone';
  await owner.secrets.write({ ...at, path, value: 'v' });
  await owner.secrets.delete({ ...at, path });
  const { id: grant } = await owner.access.grant({
    subject: `user:${CALLER}`,
    can: ['list'],
    pattern: 'ours/testing/own/**',
  });
  const [entry] = (await owner.audit.query({ ...at, path: 'own/secrets.undo', limit: 1 })).entries;
  const directory = join(place.root, 'backups');
  const backup = await owner.backups.create({ directory, proof: 'later' });
  own = {
    gone: path,
    grant,
    since,
    backup: backup.id,
    request: entry?.request ?? '',
    seq: entry?.seq ?? 0,
  };
  secrets = tamper(
    place,
    (db) =>
      new Map(storedRows(db, 'secrets').map((row) => [String(row['path']), String(row['id'])])),
  );
}

function idIn(rows: readonly Readonly<Record<string, unknown>>[], text: string): string {
  const found = rows.find((row) => row['name'] === text || row['path'] === text);
  if (found === undefined) throw new TypeError('it was made');
  return String(found['id']);
}

function inputOf(name: string): object {
  const path = `own/${name}`;
  const input = OURS[name]?.({ ...own, path, secret: secrets.get(path) ?? '' });
  if (input === undefined) throw new TypeError(`there is no input of ${name}`);
  return input;
}

interface Ended {
  readonly code: string;
  /** All that the caller gets to see, without what the record says of itself. */
  readonly told: string;
}

async function ended(name: string, input: object): Promise<Ended> {
  const [group = '', method = ''] = name.split('.');
  const methods = (
    caller as unknown as Readonly<Record<string, Readonly<Record<string, unknown>>>>
  )[group];
  const run = methods?.[method] as (given: object) => Promise<unknown>;
  try {
    return { code: 'ok', told: textOf(await run(input)) };
  } catch (error) {
    const { code, message, hint, details } = error as Readonly<Record<string, unknown>>;
    return { code: String(code), told: textOf({ message, hint, details }) };
  }
}

/** An answer as text; what the caller itself did is on record with the names that it typed. */
function textOf(answer: unknown): string {
  const ofOthers = (_key: string, each: unknown): unknown =>
    (each as { actor_name?: string } | null)?.actor_name === CALLER ||
    (typeof each === 'string' && each.includes(`"actor_name":"${CALLER}"`))
      ? null
      : each;
  return JSON.stringify(answer ?? null, ofOthers);
}

/** Names, ids and values of `theirs` that were not in the question. */
function leaked(told: string, input: object): readonly string[] {
  const asked = JSON.stringify(input);
  return [...Object.values(NAMES), ...Object.values(theirs), 'foreign-bot'].filter(
    (each) => typeof each === 'string' && told.includes(each) && !asked.includes(each),
  ) as string[];
}

/** A list of secrets refuses a cursor that no page of its own had. */
const OTHER_LISTS = ['secrets.list', 'secrets.search'];

function isRefusal(name: string, code: string): boolean {
  if (OTHER_LISTS.includes(name) && code === 'invalid_input') return true;
  return code === 'denied' || code.endsWith('_not_found');
}

async function expectNothing(name: string, input: object, isAnswered: boolean): Promise<void> {
  const newest = async (): Promise<AuditEntry | undefined> =>
    (await owner.audit.query({ actor: CALLER, action: name, limit: 1 })).entries[0];
  const before = (await newest())?.seq ?? -1;
  const { code, told } = await ended(name, input);
  const verdict = isRefusal(name, code) ? 'refused' : code;
  expect({ verdict, leaked: leaked(told, input) }).toEqual({
    verdict: isAnswered ? 'ok' : 'refused',
    leaked: [],
  });
  const entry = await newest();
  expect(entry?.seq).toBeGreaterThan(before);
  expect(entry).toMatchObject({ action: name, actor_name: CALLER });
  if (isAnswered) expect(entry).toMatchObject({ outcome: 'ok' });
  else {
    const outcome = code === 'denied' ? 'denied' : 'failed';
    expect(entry).toMatchObject({ outcome, reason: code });
  }
}

describe('A35 what another workspace has', () => {
  it('A35 is tried for every parameter of every operation that names something', () => {
    expect(Object.keys(OURS).toSorted()).toEqual(named.map(({ name }) => name).toSorted());
    const unknown = parameters.filter(
      ({ name, parameter }) =>
        foreignOf(name, parameter) === undefined && !isNameless(name, parameter),
    );
    expect(unknown).toEqual([]);
    expect(cases.length).toBeGreaterThan(150);
  });

  it.each(cases)('A35 is not reached by $name with its $parameter', async ({ name, parameter }) => {
    const value = foreignOf(name, parameter)?.(theirs);
    const input = replaced(inputOf(name), parameter, value);
    await expectNothing(name, input, ANSWERED[`${name}.${parameter}`] !== undefined);
  });

  const whole = cases.filter(
    ({ name, parameter }) => parameter === 'workspace' && name !== 'audit.query',
  );
  it.each(whole)('A35 is not reached by $name with all of an address', async ({ name }) => {
    const input = cases
      .filter((each) => each.name === name && ADDRESS.includes(each.parameter))
      .reduce(
        (given, { parameter }) => replaced(given, parameter, foreignOf(name, parameter)?.(theirs)),
        inputOf(name),
      );
    await expectNothing(name, input, false);
  });

  it.each(named.filter(({ name }) => !OF_ONESELF.has(name)))(
    'A35 is what $name was refused for: of one’s own it is not',
    async ({ name, operation }) => {
      const input = inputOf(name);
      const { code, told } = await ended(name, input);
      const isOfTheVault = operation.requires(input).some(({ resource }) => resource[0] === 'sys');
      // Of the vault itself an admin of one workspace may have nothing.
      if (isOfTheVault && code === 'denied') return;
      expect(isRefusal(name, code), `${code} ${told}`).toBe(false);
      expect(leaked(told, input)).toEqual([]);
    },
  );
});
