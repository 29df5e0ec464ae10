// What another workspace has, asked for over a socket: at every address of every operation, in
// place of every parameter that names something, and of every id that stands in an address.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { AuditEntry } from '../../src/domain/audit/entry.ts';
import type { RestRoute } from '../../src/http/rest/rest-route.ts';
import { ANSWERED, CALLER, NAMES, OURS } from '../../src/testing/foreign-ids.ts';
import { everyParameter, foreignOf, withParameter } from '../../src/testing/input-parameters.ts';
import { freshSession } from '../../src/testing/fresh-session.ts';
import { namesIn, restRequest, type RestRequestLine } from '../../src/testing/rest-request.ts';
import {
  knownRoutes,
  makeTwoWorkspaces,
  type TwoWorkspaces,
} from '../../src/testing/two-workspaces.ts';
import { serveVault, type VaultServer } from '../../src/testing/vault-server.ts';

interface Case {
  readonly address: string;
  readonly parameter: string;
  readonly route: RestRoute;
  /** The request with something of `theirs` in it. */
  readonly line: () => RestRequestLine;
  readonly isAnswered: boolean;
}

/** What an address of one secret says by its id. */
const BY_ID = ['environment', 'path'];

/**
 * Whether a parameter can be said at an address at all. It cannot where the
 * address says it in another way, or leaves it out: what is of the whole vault
 * has no workspace, and the present token no id.
 */
function isSaidAt(route: RestRoute, parameter: string): boolean {
  if (route.binding.omit?.includes(parameter) === true) return false;
  return !(namesIn(route).includes('secret_id') && BY_ID.includes(parameter));
}

/** Ids in an address that are no members of the input. */
const IN_ADDRESS = ['secret_id', 'workspace_id by its id'];

let two: TwoWorkspaces;
let server: VaultServer;
let token: string;
beforeAll(async () => {
  two = await makeTwoWorkspaces({ rateLimits: { address: null, principal: null } });
  server = await serveVault(two.parts.vault);
  token = await freshSession(two.parts, CALLER);
});
afterAll(async () => {
  await server.close();
  await two.close();
});

const ownLine = (route: RestRoute): RestRequestLine =>
  restRequest(route, two.inputOf(route.operation.name), {
    secretId: two.secrets.get(`own/${route.operation.name}`),
  });

/** The line with a foreign id in the address; the members stay one's own. */
function lineInAddress(route: RestRoute, parameter: string): RestRequestLine {
  const { name } = route.operation;
  const input = two.inputOf(name);
  if (parameter === 'secret_id') return restRequest(route, input, { secretId: two.theirs.secret });
  const as = route.binding.workspaceAs ?? 'workspace';
  return restRequest(route, withParameter(input, as, two.theirs.workspaceId), {
    secretId: two.secrets.get(`own/${name}`),
  });
}

const cases: readonly Case[] = knownRoutes().flatMap((route) => {
  const { operation, binding } = route;
  const { name } = operation;
  const address = `${name} ${binding.method} ${binding.path}`;
  const named = everyParameter()
    .filter((each) => each.name === name && foreignOf(name, each.parameter) !== undefined)
    .filter(({ parameter }) => isSaidAt(route, parameter))
    .map(({ parameter }) => ({
      parameter,
      // Of the vault as a whole nothing is answered to whoever owns one workspace.
      isAnswered:
        ANSWERED[`${name}.${parameter}`] !== undefined && binding.fixed?.['wholeVault'] !== true,
      line: () => {
        const foreign = foreignOf(name, parameter)?.(two.theirs);
        return restRequest(route, withParameter(two.inputOf(name), parameter, foreign), {
          secretId: two.secrets.get(`own/${name}`),
        });
      },
    }));
  const inAddress = IN_ADDRESS.filter((id) => namesIn(route).includes(id.replace(/ .*$/, ''))).map(
    (parameter) => ({
      parameter,
      // Of whichever workspace, only what its reader may see is in an answer of the record.
      isAnswered: name === 'audit.query',
      line: () => lineInAddress(route, parameter),
    }),
  );
  return [...named, ...inAddress].map((each) => ({ ...each, address, route }));
});

/** Names, ids and values of `theirs` that were not in the question. */
function leaked(body: string, asked: string): readonly string[] {
  return [...Object.values(NAMES), ...Object.values(two.theirs), 'foreign-bot'].filter(
    (each) => typeof each === 'string' && body.includes(each) && !asked.includes(each),
  ) as string[];
}

/** An answer without what the caller itself did: that is on record with the names that it typed. */
function told(body: string): string {
  const ofOthers = (_key: string, each: unknown): unknown =>
    (each as { user_name?: string; actor_name?: string } | null)?.actor_name === CALLER
      ? null
      : each;
  try {
    return JSON.stringify(JSON.parse(body, ofOthers));
  } catch {
    return body;
  }
}

const newest = async (action: string): Promise<AuditEntry | undefined> =>
  (await two.owner.audit.query({ actor: CALLER, action, limit: 1 })).entries[0];

describe('A35 what another workspace has, over HTTP', () => {
  it('A35 is asked for at every address that names something', () => {
    expect(cases.length).toBeGreaterThan(250);
    const asked = new Set(cases.map(({ address }) => address));
    const others = knownRoutes()
      .filter(({ binding }) => binding.path.includes('{'))
      .map(({ operation, binding }) => `${operation.name} ${binding.method} ${binding.path}`)
      .filter((address) => !asked.has(address));
    // These are of the whole vault.
    expect(others).toEqual([
      'backups.verify POST /api/secrets/admin/backups/{id}/verify',
      'settings.read GET /api/secrets/admin/settings/{name}',
      'settings.write PUT /api/secrets/admin/settings/{name}',
    ]);
    expect(Object.keys(OURS).length).toBeGreaterThan(100);
  });

  it.each(cases)('A35 is not reached at $address by its $parameter', async (each) => {
    const { route, isAnswered } = each;
    const line = each.line();
    const asked = decodeURIComponent(JSON.stringify(line));
    // Otherwise one's own things were asked for.
    expect(line).not.toEqual(ownLine(route));
    const before = (await newest(route.operation.name))?.seq ?? -1;
    const { status, body } = await server.ask(line, token);
    expect(leaked(told(body), asked)).toEqual([]);
    const code = status < 300 ? 'ok' : (JSON.parse(body) as { readonly code: string }).code;
    if (isAnswered) expect([status, code]).toEqual([status, 'ok']);
    else expect([400, 403, 404], `${status} ${code}`).toContain(status);
    if (!isAnswered && status === 400) expect(code).toBe('invalid_input');
    const entry = await newest(route.operation.name);
    expect(entry?.seq).toBeGreaterThan(before);
    // Who may not know of a workspace, or what an id is of, is told that there is none: the record
    // knows better, and has one's own secret as the one that is not in theirs.
    const ends = {
      ok: ['ok '],
      denied: ['denied denied'],
      secret_not_found: ['failed secret_not_found', 'denied denied'],
      workspace_not_found: [
        'denied denied',
        ...(namesIn(route).includes('secret_id') ? ['failed secret_not_found'] : []),
      ],
    }[code] ?? [`failed ${code}`];
    expect(ends).toContain(`${entry?.outcome} ${entry?.reason ?? ''}`);
  });
});
