import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ANSWERED, CALLER, NAMES, OF_ONESELF, OURS } from '../../testing/foreign-ids.ts';
import {
  everyParameter,
  foreignOf,
  isNameless,
  withParameter,
} from '../../testing/input-parameters.ts';
import { makeTwoWorkspaces, type TwoWorkspaces } from '../../testing/two-workspaces.ts';
import type { AuditEntry } from '../../domain/audit/entry.ts';
import { everyOperation } from '../every-operation.ts';

const named = everyOperation().map((operation) => ({ name: operation.name, operation }));
const parameters = everyParameter();
const cases = parameters.filter(({ name, parameter }) => foreignOf(name, parameter) !== undefined);
/** What asks for a right to the vault itself, which whoever owns one workspace does not have. */
const OF_THE_VAULT: ReadonlySet<string> = new Set(
  [
    'tokens.list tokens.purge approle.create approle.update approle.newSecretId',
    'approle.listSecretIds approle.revokeSecretId methods.list methods.disable methods.enable',
    'methods.remove sso.create sso.update trusts.create trusts.renew secrets.verifyChecksums',
    'workspaces.create workspaces.delete audit.prune keys.status keys.health',
    'keys.generateFernet keys.rotateDue keys.beginRoot keys.rotateRoot keys.drill slots.list',
    'slots.add slots.confirm slots.remove jobs.list jobs.run backups.create backups.list',
    'backups.verify backups.prune backups.key backups.runScheduled users.create users.list',
    'users.rename users.disable users.enable users.remove users.invite machines.create',
    'machines.list machines.rename machines.disable machines.enable machines.remove',
    'access.replay health.read metrics.read vault.seal',
  ].flatMap((line) => line.split(' ')),
);
/** Where a workspace is named, everything in it is named with it once more. */
const ADDRESS = ['workspace', 'environment', 'path', 'prefix', 'folder', 'name', 'change'];

let two: TwoWorkspaces;
beforeAll(async () => {
  two = await makeTwoWorkspaces();
});
afterAll(() => two.close());

interface Ended {
  readonly code: string;
  /** All that the caller gets to see, without what the record says of itself. */
  readonly told: string;
}

async function ended(name: string, input: object): Promise<Ended> {
  const [group = '', method = ''] = name.split('.');
  const methods = (
    two.caller as unknown as Readonly<Record<string, Readonly<Record<string, unknown>>>>
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
  return [...Object.values(NAMES), ...Object.values(two.theirs), 'foreign-bot'].filter(
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
    (await two.owner.audit.query({ actor: CALLER, action: name, limit: 1 })).entries[0];
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
    // Who may know nothing of a workspace is told that there is none: the record knows better.
    const reason = code === 'workspace_not_found' ? 'denied' : code;
    const outcome = reason === 'denied' ? 'denied' : 'failed';
    expect(entry).toMatchObject({ outcome, reason });
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
    const value = foreignOf(name, parameter)?.(two.theirs);
    const input = withParameter(two.inputOf(name), parameter, value);
    await expectNothing(name, input, ANSWERED[`${name}.${parameter}`] !== undefined);
  });

  const whole = cases.filter(
    ({ name, parameter }) => parameter === 'workspace' && name !== 'audit.query',
  );
  it.each(whole)('A35 is not reached by $name with all of an address', async ({ name }) => {
    const input = cases
      .filter((each) => each.name === name && ADDRESS.includes(each.parameter))
      .reduce(
        (given, { parameter }) =>
          withParameter(given, parameter, foreignOf(name, parameter)?.(two.theirs)),
        two.inputOf(name),
      );
    await expectNothing(name, input, false);
  });

  const own = named.filter(({ name }) => !OF_ONESELF.has(name));
  it.each(own.filter(({ name }) => !OF_THE_VAULT.has(name)))(
    'A35 is what $name was refused for: of one’s own it is not',
    async ({ name }) => {
      const input = two.inputOf(name);
      const { code, told } = await ended(name, input);
      expect(isRefusal(name, code), `${code} ${told}`).toBe(false);
      expect(leaked(told, input)).toEqual([]);
    },
  );

  it.each(own.filter(({ name }) => OF_THE_VAULT.has(name)))(
    'is of the vault itself for $name, of which an owner of one workspace has nothing',
    async ({ name, operation }) => {
      const input = two.inputOf(name);
      const asked = operation.requires(input).map(({ resource }) => resource[0]);
      expect(asked).toContain('sys');
      expect((await ended(name, input)).code).toBe('denied');
    },
  );
});
