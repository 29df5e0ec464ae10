// 100 at once of each operation, over HTTP, of a vault with two workspaces: how long they take and what
// they end with. An error is an answer of the server's own fault (5xx), or none at all; that the second
// of two who take the same thing away finds it gone is none.

import type { RestRoute } from '../src/http/rest/rest-route.ts';
import { CALLER } from '../src/testing/foreign-ids.ts';
import { freshSession } from '../src/testing/fresh-session.ts';
import { restRequest } from '../src/testing/rest-request.ts';
import {
  knownRoutes,
  makeTwoWorkspaces,
  type TwoWorkspaces,
} from '../src/testing/two-workspaces.ts';
import { serveVault, type VaultServer } from '../src/testing/vault-server.ts';
import { startSamples, type Sample, type Samples } from './at-once-samples.ts';
import { report } from './harness.ts';

const AT_ONCE = 100;
/** These end what the others need, so each has a vault of its own. */
const ALONE: ReadonlySet<string> = new Set([
  'auth.signOut',
  'tokens.revoke',
  'users.disable',
  'users.remove',
  'users.rename',
  'vault.seal',
  'workspaces.delete',
]);

/** What tests name like something else, so that it would never be made. */
const INPUTS: Readonly<Record<string, object>> = {
  'machines.create': { name: 'made-bot' },
  'machines.rename': { name: 'foreign-bot', to: 'renamed-bot' },
};

interface Measured {
  readonly ms: number;
  readonly statuses: ReadonlyMap<number, number>;
  readonly errors: number;
}

interface Place {
  readonly two: TwoWorkspaces;
  readonly server: VaultServer;
  readonly samples: Samples;
  readonly token: string;
}

async function begin(): Promise<Place> {
  const two = await makeTwoWorkspaces({ rateLimits: { address: null, principal: null } });
  // Of the vault as a whole somebody who owns one workspace is refused everything.
  await two.owner.roles.assign({ name: 'owner', member: `user:${CALLER}`, wholeVault: true });
  const server = await serveVault(two.parts.vault, {}, AT_ONCE);
  const samples = await startSamples(two);
  return { two, server, samples, token: await freshSession(two.parts, CALLER) };
}

async function end({ two, server, samples }: Place): Promise<void> {
  await samples.close();
  await server.close();
  await two.close();
}

async function measure(
  { two, server, samples, token }: Place,
  route: RestRoute,
): Promise<Measured> {
  const { name } = route.operation;
  const given = { input: INPUTS[name] ?? two.inputOf(name) };
  const sample: Sample = (await samples.of[name]?.()) ?? given;
  const line = restRequest(route, sample.input, { secretId: two.secrets.get(`own/${name}`) });
  const begun = performance.now();
  const ended = await Promise.allSettled(
    Array.from({ length: AT_ONCE }, () => server.ask(line, sample.token ?? token)),
  );
  const ms = performance.now() - begun;
  const statuses = new Map<number, number>();
  for (const each of ended) {
    const status = each.status === 'fulfilled' ? each.value.status : 0;
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  const errors = [...statuses]
    .filter(([status]) => status === 0 || status >= 500)
    .reduce((sum, [, count]) => sum + count, 0);
  return { ms, statuses, errors };
}

const seen = new Set<string>();
const routes = knownRoutes().filter(({ operation: { name } }) => {
  const isFirst = !seen.has(name);
  seen.add(name);
  return isFirst;
});

let errors = 0;
const without: string[] = [];
const place = await begin();
console.log(`${AT_ONCE} at once of each operation\n`);
console.log('operation                        ms   answers');
for (const route of routes) {
  const { name } = route.operation;
  const own = ALONE.has(name) ? await begin() : place;
  const measured = await measure(own, route);
  if (own !== place) await end(own);
  errors += measured.errors;
  if (![...measured.statuses.keys()].some((status) => status >= 200 && status < 300)) {
    without.push(name);
  }
  const answers = [...measured.statuses].map(([status, count]) => `${count} × ${status}`);
  console.log(
    `${name.padEnd(28)} ${measured.ms.toFixed(0).padStart(6)}   ${answers.join(', ')}${measured.errors > 0 ? '   <- errors' : ''}`,
  );
}
await end(place);
process.stderr.write(`at-once: none succeeded of ${without.join(', ')}\n`);
report({
  question: `${AT_ONCE} at once of each operation: answers with 5xx, or none`,
  measured: errors,
  unit: 'errors',
  limit: 0,
  note: `${routes.length} operations over HTTP`,
});
report({
  question: 'operations of these of which none succeeded',
  measured: without.length,
  unit: 'operations',
  note: without.join(', '),
});
