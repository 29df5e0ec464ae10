import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { CAPABILITIES, isCapability, type Capability } from './capability.ts';
import type { Condition, Standing } from './conditions.ts';
import {
  decide as decideBy,
  mayReachUnder as reachBy,
  mightReach,
  toRules,
  type AccessRequest,
  type Decision,
  type Grant,
} from './decide.ts';

const decide = (request: AccessRequest, grants: readonly Grant[]): Decision =>
  decideBy(request, toRules(grants));
const mayReachUnder = (request: AccessRequest, grants: readonly Grant[]): boolean =>
  reachBy(request, toRules(grants));
const circumstances = { now: 0 };
const is =
  (standing: Standing): Condition =>
  () =>
    standing;
const isMet = is('met');
const isUnmet = is('unmet');
const isUnknown = is('unknown');

/** What `decide` should say, by way of a regular expression for each pattern. */
function reference(request: AccessRequest, grants: readonly Grant[]): boolean {
  const text = request.resource.map((segment) => `/${segment}`).join('');
  const matches = (grant: Grant): boolean => {
    if (!grant.capabilities.has(request.capability)) return false;
    if (grant.workspaceId !== null && grant.workspaceId !== request.workspaceId) return false;
    const isSystem = request.resource[0] === 'sys';
    if (isSystem && grant.pattern[0] !== 'sys') return false;
    const source = grant.pattern
      .map((part) => {
        if (part === '**') return '(?:/[^/]+)*';
        if (part === '*') return '/[^/]+';
        return `/${part.replaceAll('.', '\\.')}`;
      })
      .join('');
    return new RegExp(`^${source}$`).test(text);
  };
  const found = grants.filter(matches);
  const stand = ({ condition }: Grant): string => condition?.(request.circumstances) ?? 'met';
  if (found.some((grant) => grant.effect === 'deny' && stand(grant) !== 'unmet')) return false;
  return found.some((grant) => grant.effect === 'allow' && stand(grant) === 'met');
}

const segment = fc.constantFrom('sys', 'default', 'pay', 'production', 'db', 'a', 'b', 'a.b');
const part = fc.oneof(
  { weight: 3, arbitrary: segment },
  { weight: 1, arbitrary: fc.constant('*') },
  { weight: 1, arbitrary: fc.constant('**') },
);
const capability = fc.constantFrom(...CAPABILITIES);
const workspaceId = fc.constantFrom(null, 'one', 'two');

const grant: fc.Arbitrary<Grant> = fc.record({
  id: fc.uuid(),
  effect: fc.constantFrom('allow', 'allow', 'allow', 'deny'),
  capabilities: fc.uniqueArray(capability, { minLength: 0 }).map((each) => new Set(each)),
  pattern: fc.array(part, { minLength: 1, maxLength: 5 }),
  workspaceId,
  condition: fc.constantFrom(undefined, undefined, undefined, isMet, isUnmet, isUnknown),
});

const request: fc.Arbitrary<AccessRequest> = fc.record({
  capability,
  resource: fc.array(segment, { minLength: 1, maxLength: 5 }),
  workspaceId,
  circumstances: fc.constant(circumstances),
});

/** Grants of which many match the request. */
const cases = request.chain((asked) =>
  fc.tuple(
    fc.constant(asked),
    fc.array(
      fc.oneof(
        grant,
        grant.map((made) => ({
          ...made,
          capabilities: new Set<Capability>([...made.capabilities, asked.capability]),
          pattern: asked.resource.map((each, index) =>
            (made.pattern[index] ?? '').startsWith('*') ? (made.pattern[index] ?? each) : each,
          ),
        })),
      ),
      { maxLength: 6 },
    ),
  ),
);

const one = (more: Partial<Grant>): Grant => ({
  id: 'g',
  effect: 'allow',
  capabilities: new Set(['read']),
  pattern: ['**'],
  workspaceId: null,
  ...more,
});
const ask = (resource: string, more: Partial<AccessRequest> = {}): AccessRequest => ({
  capability: 'read',
  resource: resource.split('/'),
  workspaceId: 'one',
  circumstances,
  ...more,
});

describe('decide', () => {
  it('A28 agrees with an independent evaluator in 100,000 random cases, and allows in many of them', () => {
    let allowed = 0;
    let denied = 0;
    fc.assert(
      fc.property(cases, ([asked, grants]) => {
        const decision = decide(asked, grants);
        if (decision.allowed) allowed += 1;
        else if (decision.rule !== undefined) denied += 1;
        expect(decision.allowed).toBe(reference(asked, grants));
      }),
      { numRuns: 100_000 },
    );
    expect(allowed).toBeGreaterThan(10_000);
    expect(denied).toBeGreaterThan(10_000);
  });

  it('A29 does not depend on the order of the grants in 10,000 random cases, nor does the rule that it names', () => {
    fc.assert(
      fc.property(
        cases.chain(([asked, grants]) =>
          fc.tuple(
            fc.constant(asked),
            fc.constant(grants),
            fc.shuffledSubarray(grants, { minLength: grants.length }),
          ),
        ),
        ([asked, grants, shuffled]) => {
          expect(decide(asked, shuffled)).toEqual(decide(asked, grants));
        },
      ),
      { numRuns: 10_000 },
    );
  });

  it('never allows more after a deny was added, nor less after an allow was', () => {
    fc.assert(
      fc.property(cases, grant, ([asked, grants], added) => {
        const before = decide(asked, grants).allowed;
        const after = decide(asked, [...grants, added]).allowed;
        if (added.effect === 'deny') expect(after && !before).toBe(false);
        else expect(before && !after).toBe(false);
      }),
      { numRuns: 5000 },
    );
  });

  it('denies what no grant allows, and names no rule', () => {
    expect(decide(ask('default/a'), [])).toEqual({ allowed: false, rule: undefined });
    expect(decide(ask('default/a'), [one({ capabilities: new Set(['list', 'write']) })])).toEqual({
      allowed: false,
      rule: undefined,
    });
  });

  it('lets a deny win, wherever it stands and whatever its pattern', () => {
    const grants = [
      one({ id: 'exact', pattern: ['default', 'production', 'db'] }),
      one({ id: 'no', effect: 'deny', pattern: ['**'] }),
    ];
    expect(decide(ask('default/production/db'), grants)).toEqual({ allowed: false, rule: 'no' });
  });

  it('counts a grant of one workspace in that workspace alone', () => {
    const grants = [one({ workspaceId: 'one' })];
    expect(decide(ask('default/a'), grants).allowed).toBe(true);
    expect(decide(ask('default/a', { workspaceId: 'two' }), grants).allowed).toBe(false);
    expect(decide(ask('default/a', { workspaceId: null }), grants).allowed).toBe(false);
  });

  it('takes conditions that it does not know for unmet by an allow and met by a deny', () => {
    const conditional = one({ condition: isUnknown });
    expect(decide(ask('default/a'), [conditional]).allowed).toBe(false);
    const denying = one({ id: 'no', condition: isUnknown, effect: 'deny' });
    expect(decide(ask('default/a'), [one({}), denying]).allowed).toBe(false);
  });
});

describe('reaching under a resource', () => {
  it('is possible where an allow reaches something, and not possible only where nothing is allowed', () => {
    const below = fc.array(fc.array(segment, { maxLength: 3 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(cases, below, ([asked, grants], rests) => {
        const allows = grants.filter((each) => each.effect === 'allow');
        const some = rests.some((rest) =>
          reference({ ...asked, resource: [...asked.resource, ...rest] }, allows),
        );
        if (some) expect(mayReachUnder(asked, allows)).toBe(true);
        if (!mayReachUnder(asked, grants)) {
          for (const rest of rests) {
            const resource = [...asked.resource, ...rest];
            expect(reference({ ...asked, resource }, grants)).toBe(false);
          }
        }
      }),
      { numRuns: 5000 },
    );
  });

  it('is not possible where a deny covers all of it', () => {
    const grants = [one({}), one({ effect: 'deny', pattern: ['default', 'production', '**'] })];
    expect(mayReachUnder(ask('default/production'), grants)).toBe(false);
    expect(mayReachUnder(ask('default/production/db'), grants)).toBe(false);
    expect(mayReachUnder(ask('default'), grants)).toBe(true);
    const part = [one({}), one({ effect: 'deny', pattern: ['default', 'production', 'db'] })];
    expect(mayReachUnder(ask('default/production'), part)).toBe(true);
  });

  it('is not possible by a rule of one workspace in what is in none, but for the parts of the vault', () => {
    const none = { workspaceId: null } as const;
    const ofOne = one({ workspaceId: 'one', pattern: ['**'] });
    expect(mayReachUnder(ask('absent', none), [ofOne])).toBe(false);
    const audit = one({ workspaceId: 'one', pattern: ['sys', 'audit', 'x'] });
    expect(mayReachUnder(ask('sys/audit', none), [audit])).toBe(true);
    expect(mightReach(ask('sys/audit', none), toRules([audit]), 'exact')).toBe(false);
  });

  it('might be possible where it is, whatever the conditions, and where no rule allows it is not', () => {
    const unconditional = (grant: Grant): Grant => {
      const { condition: _, ...rest } = grant;
      return rest;
    };
    fc.assert(
      fc.property(cases, ([asked, grants]) => {
        const might = (reach: 'exact' | 'under', of = grants): boolean =>
          mightReach(asked, toRules(of), reach);
        if (decide(asked, grants).allowed) expect(might('exact')).toBe(true);
        if (mayReachUnder(asked, grants)) expect(might('under')).toBe(true);
        const plain = grants.map(unconditional);
        expect(might('exact', plain)).toBe(decide(asked, plain).allowed);
        expect(might('under', plain)).toBe(mayReachUnder(asked, plain));
      }),
      { numRuns: 5000 },
    );
  });

  it('heeds capability, workspace and conditions', () => {
    expect(mayReachUnder(ask('default'), [one({ workspaceId: 'two' })])).toBe(false);
    expect(mayReachUnder(ask('default'), [one({ condition: isUnknown })])).toBe(false);
    expect(mayReachUnder(ask('default', { capability: 'list' }), [one({})])).toBe(false);
    expect(mayReachUnder(ask('sys/audit'), [one({})])).toBe(false);
    expect(mayReachUnder(ask('sys/audit'), [one({ pattern: ['sys', 'audit', 'x'] })])).toBe(true);
  });
});

describe('capabilities', () => {
  it('are six words, and no other text is one', () => {
    expect(CAPABILITIES).toEqual(['list', 'read', 'write', 'delete', 'rotate', 'admin']);
    for (const text of ['', 'READ', 'read ', 'use', 'toString'])
      expect(isCapability(text)).toBe(false);
  });
});
