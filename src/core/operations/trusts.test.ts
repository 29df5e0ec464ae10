import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { haveClaims } from '../../auth/jwt.ts';
import { giveRole } from '../../testing/give-role.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Session } from '../session.ts';
import type { Trust, TrustCreated } from './trusts.ts';

let place: TemporaryVault;
let parts: OpenParts;
let owner: Session;

beforeEach(async () => {
  place = await makeTemporaryVault();
  parts = await openParts(place);
  owner = parts.as(OWNER);
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

const create = (trust: Trust, more: object = {}): Promise<TrustCreated> =>
  owner.trusts.create({ trust, ...more });

/** Whether the claims of a job are those that a trust asks for. */
function takes({ config }: TrustCreated, claims: object): boolean {
  return haveClaims({ ...claims }, config['claims'] as Readonly<Record<string, readonly string[]>>);
}

describe('a trust in GitHub Actions', () => {
  const push = {
    sub: 'repo:acme/app:ref:refs/heads/main',
    repository: 'acme/app',
    ref: 'refs/heads/main',
    event_name: 'push',
  };

  it('makes machine, rights and trust in one go, for this vault alone', async () => {
    const made = await create(
      { kind: 'github', repository: 'acme/app', ref: 'main' },
      { environment: 'production' },
    );
    expect(made).toMatchObject({
      kind: 'jwt',
      name: 'github-acme-app',
      subject: 'machine:github-acme-app',
      config: {
        issuer: 'https://token.actions.githubusercontent.com',
        algorithms: ['RS256'],
        audiences: [`urn:strongroom:${parts.vault.id}`],
        session_ttl_ms: 3_600_000,
      },
    });
    const { grants } = await owner.access.list({ subject: 'machine:github-acme-app' });
    expect(grants).toMatchObject([
      { id: made.grant, effect: 'allow', can: ['list', 'read'], pattern: 'default/production/**' },
    ]);
  });

  it('takes jobs of that repository and branch, and no others', async () => {
    const made = await create({ kind: 'github', repository: 'acme/app', ref: 'main' });
    expect(takes(made, push)).toBe(true);
    for (const other of [
      { repository: 'acme/app2' },
      { repository: 'ACME/app' },
      { repository: 'evil/app' },
      { ref: 'refs/heads/mainly' },
      { ref: 'refs/tags/main' },
      { ref: 'refs/pull/1/merge' },
      { ref: undefined },
      { event_name: 'pull_request' },
      { event_name: 'pull_request_target' },
      { event_name: 'workflow_run' },
      { event_name: 'issue_comment' },
    ]) {
      expect(takes(made, { ...push, ...other }), JSON.stringify(other)).toBe(false);
    }
  });

  it('can be of a deployment environment, a repository number, and events', async () => {
    const made = await create({
      kind: 'github',
      repository: 'acme/app',
      deployment: 'production',
      repositoryId: '42',
      events: ['pull_request'],
    });
    const job = { ...push, environment: 'production', repository_id: '42' };
    expect(takes(made, { ...job, event_name: 'pull_request' })).toBe(true);
    expect(takes(made, job)).toBe(false);
    expect(takes(made, { ...job, event_name: 'pull_request', repository_id: '43' })).toBe(false);
    expect(takes(made, { ...job, event_name: 'pull_request', environment: 'Production' })).toBe(
      false,
    );
  });

  it('says from which branch, unless all are meant', async () => {
    const trust = { kind: 'github', repository: 'acme/app' } as const;
    await expect(create(trust)).rejects.toMatchObject({ code: 'invalid_input' });
    await expect(create({ ...trust, ref: 'main', anyRef: true })).rejects.toMatchObject({
      code: 'invalid_input',
    });
    expect(takes(await create({ ...trust, anyRef: true }), { ...push, ref: 'any' })).toBe(true);
  });
});

describe('other trusts', () => {
  it('are in jobs of GitLab', async () => {
    const job = { project_path: 'acme/shop/app', ref: 'main', ref_type: 'branch' };
    const trust = { kind: 'gitlab', project: 'acme/shop/app' } as const;
    const branch = await create({ ...trust, ref: 'main' });
    expect(branch.config).toMatchObject({ issuer: 'https://gitlab.com' });
    expect(takes(branch, job)).toBe(true);
    expect(takes(branch, { ...job, ref_type: 'tag' })).toBe(false);
    expect(takes(branch, { ...job, project_path: 'acme/shop' })).toBe(false);
    const tag = await create({ ...trust, ref: 'refs/tags/v1' }, { name: 'tag', machine: 'tag' });
    expect(takes(tag, { ...job, ref: 'v1', ref_type: 'tag' })).toBe(true);
    expect(takes(tag, { ...job, ref: 'v1' })).toBe(false);
  });

  it('are in service accounts of Kubernetes', async () => {
    const made = await create({
      kind: 'kubernetes',
      issuer: 'https://oidc.example/cluster',
      serviceAccount: 'shop/api',
    });
    expect(takes(made, { sub: 'system:serviceaccount:shop:api' })).toBe(true);
    expect(takes(made, { sub: 'system:serviceaccount:shop:api2' })).toBe(false);
    expect(takes(made, { sub: 'system:serviceaccount:shop-api:' })).toBe(false);
    await expect(
      create({ kind: 'kubernetes', issuer: 'https://oidc.example', serviceAccount: 'a:b/c' }),
    ).rejects.toMatchObject({ code: 'invalid_input' });
  });
});

describe('whoever makes a trust', () => {
  const trust = { kind: 'github', repository: 'acme/app', ref: 'main' } as const;

  it('never gets at a machine that has the name by chance', async () => {
    await owner.machines.create({ name: 'github-acme-app' });
    await expect(create(trust)).rejects.toMatchObject({ code: 'subject_exists' });
    expect(await owner.methods.list()).toMatchObject({ methods: [] });
    const made = await create(trust, { machine: 'github-acme-app' });
    expect(made.subject).toBe('machine:github-acme-app');
    await expect(create(trust, { machine: 'github-acme-app' })).rejects.toMatchObject({
      code: 'method_exists',
    });
  });

  it('gives no more than they have, and leaves nothing behind if they would', async () => {
    const clerk = await giveRole(parts, 'clerk', [
      ['admin read', 'sys/access'],
      ['list read', 'default/staging/**'],
    ]);
    await owner.machines.create({ name: 'strong' });
    await owner.access.grant({
      subject: 'machine:strong',
      can: ['read'],
      pattern: 'default/production/**',
    });
    for (const more of [
      { environment: 'production' },
      { environment: 'staging', can: ['write'] },
      { machine: 'strong' },
    ] as const) {
      await expect(clerk.trusts.create({ trust, ...more })).rejects.toMatchObject({
        code: 'escalation_refused',
      });
    }
    expect((await owner.machines.list()).principals.map(({ name }) => name)).toEqual(['strong']);
    expect((await owner.methods.list()).methods).toEqual([]);
    await clerk.trusts.create({ trust, environment: 'staging' });
  });

  it('is told what is not there', async () => {
    await expect(create(trust, { environment: 'nowhere' })).rejects.toMatchObject({
      code: 'environment_not_found',
    });
    await expect(create(trust, { sessionTtl: '25h' })).rejects.toMatchObject({
      code: 'invalid_input',
    });
    await expect(create(trust, { cidr: ['10.0.0.0/99'] })).rejects.toMatchObject({
      code: 'invalid_input',
    });
    expect((await owner.machines.list()).principals).toEqual([]);
    await expect(owner.trusts.renew({ name: 'none', jwks: '{}' })).rejects.toMatchObject({
      code: 'method_not_found',
    });
    await expect(owner.trusts.renew({ name: 'none' })).rejects.toMatchObject({
      code: 'invalid_input',
    });
  });
});
