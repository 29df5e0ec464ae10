// How long one access decision takes, and whether rules that others have slow anything down.
import { compileConditions, encodeConditions } from '../src/domain/access/conditions.ts';
import { decide, toRules, type Grant } from '../src/domain/access/decide.ts';
import { Policy } from '../src/domain/access/policy.ts';
import { uuidv7 } from '../src/lib/ids.ts';
import { atOnce, chooser, isQuick, median, newDirectory, oneByOne, report } from './harness.ts';
import { newVault, openVault } from './vaults.ts';

const GRANTS = 1000;
const ROUNDS = 41;
const DECISIONS = 20_000;
const ADDED = 200;

const choose = chooser(7);
const pathAt = (index: number): readonly string[] => [
  'default',
  index % 2 === 0 ? 'production' : 'staging',
  `team-${index % 40}`,
  `KEY_${index}`,
];

/** Rules as a principal with many has them: single secrets, folders, wildcards, denials, conditions. */
function grants(): readonly Grant[] {
  const office = compileConditions(encodeConditions({ cidr: ['10.0.0.0/8'], mfa: true }) ?? '');
  return Array.from({ length: GRANTS }, (_, index): Grant => {
    const [workspace = '', environment = '', team = '', name = ''] = pathAt(index);
    const kind = index % 20;
    const pattern =
      kind < 14
        ? [workspace, environment, team, name]
        : kind < 17
          ? [workspace, environment, `${team}-${index}`, '**']
          : kind < 19
            ? [workspace, '*', team, name]
            : ['**', `secret-${index}`];
    return {
      id: String(index).padStart(5, '0'),
      effect: index % 33 === 0 ? 'deny' : 'allow',
      capabilities: new Set(['list', 'read']),
      pattern,
      workspaceId: 'workspace',
      condition: index % 10 === 0 ? office : undefined,
    };
  });
}

function measureDecision(): void {
  const rules = toRules(grants());
  const known = new Map(rules.grants.map((grant) => [grant.pattern.join('/'), grant]));
  const requests = Array.from({ length: DECISIONS }, () => ({
    capability: 'read' as const,
    resource: pathAt(choose(GRANTS * 2)),
    workspaceId: 'workspace',
    circumstances: { ip: '10.1.2.3', mfa: true, now: 0 },
  }));
  const [ours, bare]: [number[], number[]] = [[], []];
  let allowed = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    let begun = process.cpuUsage();
    for (const request of requests) if (decide(request, rules).allowed) allowed += 1;
    ours.push(process.cpuUsage(begun).user / DECISIONS);
    begun = process.cpuUsage();
    for (const { resource } of requests) if (known.has(resource.join('/'))) allowed += 1;
    bare.push(process.cpuUsage(begun).user / DECISIONS);
  }
  if (allowed === 0) throw new Error('nothing was allowed');
  report({
    question: 'one access decision, 1,000 grants on the principal',
    measured: median(ours),
    unit: 'µs',
    limit: 5,
    bare: median(bare),
    note: 'one look into a Map by the path',
  });
}

/** The rules of a vault in which one asks who has 50 grants, and a thousand others have the rest. */
function policyOf(count: number): Policy {
  const common = { row_revision: 1, mac_key: 1, mac: new Uint8Array(32), created_at: 0 };
  const principals = Array.from({ length: 1001 }, (_, index) => {
    return {
      ...common,
      id: uuidv7(),
      kind: 'user',
      name: `user-${index}`,
      disabled_at: null,
      factors: null,
      generation: null,
    };
  });
  const [asker, ...others] = principals.map(({ id }) => id);
  const grantsMade = Array.from({ length: count }, (_, index) => ({
    ...common,
    id: uuidv7(),
    workspace_id: 'workspace',
    subject_kind: 'principal',
    subject_id: (index < 50 ? asker : others[index % others.length]) ?? '',
    effect: 'allow',
    capabilities: 'read',
    pattern: pathAt(index).join('/'),
    conditions: null,
    created_by: null,
    secret_id: null,
  }));
  return new Policy({ principals, groups: [], roles: [], memberships: [], grants: grantsMade });
}

/** Whether one decision takes longer where others have many rules; asked in turns. */
function measureOthers(): void {
  const many = isQuick() ? 10_000 : 100_000;
  const policies = [policyOf(350), policyOf(many)];
  const requests = Array.from({ length: DECISIONS }, () => ({
    capability: 'read' as const,
    resource: pathAt(choose(100)),
    workspaceId: 'workspace',
    circumstances: { ip: '10.1.2.3', mfa: true, now: 0 },
  }));
  const taken: readonly [number[], number[]] = [[], []];
  let allowed = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [index, policy] of policies.entries()) {
      const begun = process.cpuUsage();
      for (const request of requests) {
        const view = policy.view('user-0');
        if (view !== undefined && decide(request, view.rules).allowed) allowed += 1;
      }
      taken[index === 0 ? 0 : 1].push(process.cpuUsage(begun).user / DECISIONS);
    }
  }
  // About half of what is asked for is granted.
  if (allowed < (2 * ROUNDS * DECISIONS) / 3) throw new Error('too little was allowed');
  const [few, then] = [median(taken[0]), median(taken[1])];
  report({
    question: `one access decision, ${many.toLocaleString('en')} grants in the vault against 350`,
    measured: then / few,
    unit: '×',
    limit: 1.25,
    note: `${few.toFixed(2)} µs and ${then.toFixed(2)} µs of CPU, asked in turns; 50 grants on the principal`,
  });
}

/** The time that one more grant takes, with few and with many in the vault. */
async function measureMany(): Promise<void> {
  const many = isQuick() ? 10_000 : 100_000;
  const { vault, session } = await openVault(await newVault(newDirectory('decisions')));
  const give = (index: number): Promise<unknown> =>
    session.access.grant({
      subject: `user:user-${index % 1000}`,
      can: ['read'],
      pattern: `default/production/team-${index % 977}/KEY_${index}`,
    });
  try {
    await atOnce(64, 1000, (index) => session.users.create({ name: `user-${index}` }));
    await atOnce(64, 100, give);
    await oneByOne(50, (index) => give(index));
    const few = await cpuUs(give);
    await atOnce(256, many, give);
    const then = await cpuUs(give);
    report({
      question: `one more grant, ${many.toLocaleString('en')} in the vault against 350`,
      measured: then / few,
      unit: '×',
      limit: 1.25,
      note: `${few.toFixed(0)} µs and ${then.toFixed(0)} µs of CPU, each with its own commit`,
    });
  } finally {
    await vault.close();
  }
}

/** CPU that one more grant takes; the disk takes the same for all. */
async function cpuUs(give: (index: number) => Promise<unknown>): Promise<number> {
  const taken: number[] = [];
  for (let round = 0; round < 10; round += 1) {
    const begun = process.cpuUsage();
    await oneByOne(ADDED / 10, give);
    const { user, system } = process.cpuUsage(begun);
    taken.push((user + system) / (ADDED / 10));
  }
  return median(taken);
}

measureDecision();
measureOthers();
await measureMany();
