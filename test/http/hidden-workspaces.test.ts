// A workspace of which somebody may know nothing, asked for over a socket: whatever is said of it is
// said of one that there is not, in the same words and with the same head.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { RestRoute } from '../../src/http/rest/rest-route.ts';
import { freshSession } from '../../src/testing/fresh-session.ts';
import { CALLER, NAMES } from '../../src/testing/foreign-ids.ts';
import { everyParameter, foreignOf, withParameter } from '../../src/testing/input-parameters.ts';
import { namesIn, restRequest, type RestRequestLine } from '../../src/testing/rest-request.ts';
import { OWNER } from '../../src/testing/temporary-vault.ts';
import {
  knownRoutes,
  makeTwoWorkspaces,
  type TwoWorkspaces,
} from '../../src/testing/two-workspaces.ts';
import { serveVault, type VaultServer } from '../../src/testing/vault-server.ts';

/** As long as {@link NAMES.workspace}. */
const ABSENT = 'absent';
const ABSENT_ID = '01890000-0000-7000-8000-00000000abcd';

interface Case {
  readonly address: string;
  readonly how: string;
  readonly line: RestRequestLine;
  readonly headers?: Readonly<Record<string, string>>;
}

let two: TwoWorkspaces;
let server: VaultServer;
let cases: readonly Case[];
beforeAll(async () => {
  two = await makeTwoWorkspaces({ rateLimits: { address: null, principal: null } });
  await two.owner.users.create({ name: 'newcomer' });
  server = await serveVault(two.parts.vault);
  cases = [...inAddress(), ...inDocument()];
});
afterAll(async () => {
  await server.close();
  await two.close();
});

/** Every address that names a workspace, by name and by id, with all kinds of things wrong besides. */
function inAddress(): readonly Case[] {
  const routes = knownRoutes().filter((route) => namesIn(route).includes('workspace_id'));
  return routes.flatMap((route) => {
    const { name } = route.operation;
    const address = `${name} ${route.binding.method} ${route.binding.path}`;
    return [NAMES.workspace, two.theirs.workspaceId].flatMap((named) => {
      const line = (secretId: string | undefined): RestRequestLine =>
        restRequest(route, inWorkspace(route, named), { secretId });
      const own = line(two.secrets.get(`own/${name}`));
      const ofSecrets = namesIn(route).includes('secret_id') ? [two.theirs.secret, ABSENT_ID] : [];
      return [
        { address, how: `by ${named}`, line: own },
        { address, how: `by ${named}, and what it has not`, line: broken(own) },
        {
          address,
          how: `by ${named}, with a key that is none`,
          line: own,
          headers: { 'Idempotency-Key': 'x'.repeat(256) },
        },
        ...ofSecrets.map((id) => ({ address, how: `by ${named} and ${id}`, line: line(id) })),
      ];
    });
  });
}

function inWorkspace(route: RestRoute, named: string): object {
  const as = route.binding.workspaceAs ?? 'workspace';
  return withParameter(two.inputOf(route.operation.name), as, named);
}

/** The same with a member that no operation has. */
function broken({ method, target, body }: RestRequestLine): RestRequestLine {
  if (body !== undefined) return { method, target, body: { ...body, nothing_like_it: 1 } };
  return { method, target: `${target}${target.includes('?') ? '&' : '?'}limit=-1` };
}

/** Every member of a document that names a workspace. */
function inDocument(): readonly Case[] {
  return knownRoutes().flatMap((route) => {
    const { operation, binding } = route;
    const address = `${operation.name} ${binding.method} ${binding.path}`;
    return everyParameter().flatMap(({ name, parameter }) => {
      if (name !== operation.name) return [];
      const foreign = foreignOf(name, parameter)?.(two.theirs);
      if (!/^theirs(?:\/|$)/.test(String(foreign))) return [];
      const input = withParameter(two.inputOf(name), parameter, foreign);
      const secretId = two.secrets.get(`own/${name}`);
      return [{ address, how: parameter, line: restRequest(route, input, { secretId }) }];
    });
  });
}

/** The same of a workspace that there is not. */
function renamed(line: RestRequestLine): RestRequestLine {
  const text = JSON.stringify(line).replaceAll(NAMES.workspace, ABSENT);
  return JSON.parse(text.replaceAll(two.theirs.workspaceId, ABSENT_ID)) as RestRequestLine;
}

/** All of an answer but the id and the moment of its request. */
async function told(
  line: RestRequestLine,
  headers: Readonly<Record<string, string>> | undefined,
  token: string,
): Promise<string> {
  const answer = await server.ask(line, token, headers);
  const { 'x-request-id': request = '', date, ...head } = answer.headers;
  expect(date).toEqual(expect.any(String));
  return JSON.stringify({ ...answer, headers: head })
    .replaceAll(String(request), 'request')
    .replaceAll(two.theirs.workspaceId, ABSENT_ID)
    .replaceAll(NAMES.workspace, ABSENT)
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'then');
}

async function tellingApart(token: string, of = cases): Promise<readonly object[]> {
  const found: object[] = [];
  for (const { address, how, line, headers } of of) {
    const present = await told(line, headers, token);
    const absent = await told(renamed(line), headers, token);
    if (present !== absent) found.push({ address, how, present, absent });
  }
  return found;
}

describe('A35 a workspace of which somebody may know nothing, over HTTP', () => {
  it('A35 is named in every way that there is', () => {
    expect(cases.length).toBeGreaterThan(400);
    const said = new Set(cases.map(({ how }) => how));
    for (const each of ['workspace', 'toWorkspace', 'source.workspace', 'pattern', 'resource']) {
      expect(said).toContain(each);
    }
  });

  it.each([
    { who: 'somebody who owns another workspace', name: CALLER },
    { who: 'somebody without any right', name: 'newcomer' },
  ])('A35 is as none to $who', async ({ name }) => {
    expect(await tellingApart(await freshSession(two.parts, name))).toEqual([]);
  });

  it('A35 is as none to a token that is good for names alone', async () => {
    const made = await two.caller.tokens.create({ can: ['list'] });
    expect(await tellingApart(made.token.reveal())).toEqual([]);
  });

  it('A35 is as none to who has no second factor yet, and is told to set one up', async () => {
    await two.owner.settings.write({ name: 'mfa_roles', value: ['owner'] });
    const token = await freshSession(two.parts, CALLER);
    expect(await tellingApart(token)).toEqual([]);
    const answer = await server.ask(
      { method: 'GET', target: `/api/secrets/workspaces/${NAMES.workspace}/environments` },
      token,
    );
    expect(JSON.parse(answer.body)).toMatchObject({ status: 403, code: 'mfa_required' });
    await two.owner.settings.write({ name: 'mfa_roles', value: null });
  });

  it('A35 is as none also where it is closed to calls from elsewhere', async () => {
    const workspace = NAMES.workspace;
    const name = 'allowed_ip_ranges';
    await two.owner.settings.write({ workspace, name, value: ['192.0.2.0/24'] });
    const token = await freshSession(two.parts, CALLER);
    expect(await tellingApart(token)).toEqual([]);
    await two.owner.settings.write({ workspace, name, value: null });
  });

  it('is told of to its owner, with what is wrong', async () => {
    const token = await freshSession(two.parts, OWNER);
    const target = `/api/secrets/workspaces/${NAMES.workspace}/environments?limit=-1`;
    const { status, body } = await server.ask({ method: 'GET', target }, token);
    expect([status, body]).toEqual([400, expect.stringContaining('invalid_request')]);
  });
});
