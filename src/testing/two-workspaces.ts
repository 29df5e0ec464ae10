import { join } from 'node:path';

import { everyOperation } from '../core/every-operation.ts';
import type { RateLimitOptions } from '../core/rate-limits.ts';
import type { Session } from '../core/session.ts';
import { allRoutes } from '../http/rest/rest-face.ts';
import type { RestRoute } from '../http/rest/rest-route.ts';
import { at, CALLER, NAMES, OURS, type Own, type Theirs } from './foreign-ids.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  storedRows,
  tamper,
  type OpenParts,
  type TemporaryVault,
} from './temporary-vault.ts';

/** Every address of the operations that an input is known for; another test tells those of which none is. */
export function knownRoutes(): readonly RestRoute[] {
  return allRoutes().filter(({ operation }) => OURS[operation.name] !== undefined);
}

/** A vault with two workspaces: one whose owner calls, and one of which that caller has nothing. */
export interface TwoWorkspaces {
  readonly place: TemporaryVault;
  readonly parts: OpenParts;
  /** The owner of the vault. */
  readonly owner: Session;
  /** The owner of the workspace `ours` alone. */
  readonly caller: Session;
  readonly theirs: Theirs;
  /** The ids of all secrets, by their paths. */
  readonly secrets: ReadonlyMap<string, string>;
  /** An input of an operation that names only what `ours` has. */
  inputOf(operation: string): object;
  close(): Promise<void>;
}

/** Makes them, with a secret in `ours` for each operation alone. Whoever makes them closes them. */
export async function makeTwoWorkspaces({
  rateLimits,
}: { rateLimits?: RateLimitOptions } = {}): Promise<TwoWorkspaces> {
  const place = await makeTemporaryVault();
  const parts = await openParts(place, rateLimits === undefined ? {} : { rateLimits });
  const owner = parts.as(OWNER);
  const caller = parts.as(CALLER);
  await owner.users.create({ name: CALLER });
  await owner.machines.create({ name: 'our-bot' });
  await owner.machines.create({ name: 'foreign-bot' });
  const theirs = await makeTheirs(place, parts);
  const own = await makeOurs(place, parts);
  const secrets = tamper(
    place,
    (db) =>
      new Map(storedRows(db, 'secrets').map((row) => [String(row['path']), String(row['id'])])),
  );
  return {
    place,
    parts,
    owner,
    caller,
    theirs,
    secrets,
    inputOf: (name) => {
      const path = `own/${name}`;
      const input = OURS[name]?.({ ...own, path, secret: secrets.get(path) ?? '' });
      if (input === undefined) throw new TypeError(`there is no input of ${name}`);
      return input;
    },
    close: async () => {
      await parts.vault.close();
      place.remove();
    },
  };
}

async function makeTheirs(place: TemporaryVault, parts: OpenParts): Promise<Theirs> {
  const owner = parts.as(OWNER);
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
  return tamper(place, (db) => ({
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

async function makeOurs(
  place: TemporaryVault,
  parts: OpenParts,
): Promise<Omit<Own, 'path' | 'secret'>> {
  const owner = parts.as(OWNER);
  const caller = parts.as(CALLER);
  const workspace = 'ours';
  await owner.workspaces.create({ name: workspace });
  await owner.roles.assign({ name: 'owner', member: `user:${CALLER}`, workspace });
  for (const age of ['our', 'old']) {
    await owner.groups.create({ workspace, name: `${age}-group` });
    await owner.roles.create({ workspace, name: `${age}-role` });
  }
  const since = new Date().toISOString();
  for (const { name } of everyOperation()) {
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
  return {
    gone: path,
    grant,
    since,
    backup: backup.id,
    request: entry?.request ?? '',
    seq: entry?.seq ?? 0,
  };
}

function idIn(rows: readonly Readonly<Record<string, unknown>>[], text: string): string {
  const found = rows.find((row) => row['name'] === text || row['path'] === text);
  if (found === undefined) throw new TypeError('it was made');
  return String(found['id']);
}
