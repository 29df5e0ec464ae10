import { StrongroomError } from '../../errors.ts';
import { uuidv7 } from '../../lib/ids.ts';
import { GRANTS } from '../../store/protected-tables.ts';
import { insertRow, removeRow, updateRow } from '../../store/rows.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { GrantRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import type { Environment } from '../workspaces/directory.ts';
import { grantsRefused } from './access-errors.ts';
import { CAPABILITIES, type Capability } from './capability.ts';
import type { GivenRights } from './escalation.ts';
import { capabilitiesOf, SUSPENDED } from './grants.ts';
import type { Policy } from './policy.ts';
import { subjectNotFound } from './subjects.ts';

/** Who may do what with one secret, beside whoever may anyway. */
export interface SecretAccess {
  /** `user:NAME`, `machine:NAME`, `group:NAME` or `role:NAME`. */
  readonly subject: string;
  readonly can: readonly Capability[];
}

/** Where a secret is. */
export interface GrantPlace {
  readonly environment: Environment;
  readonly path: string;
}

/** Somebody who takes a secret to another place, and what they may do there. */
export interface Relocator extends Work {
  readonly request: string;
  may(capability: Capability, resource: readonly string[]): boolean;
  requireHeld(rights: readonly GivenRights[]): void;
}

const ofSecret = statement((db, p: Parameters<{ secretId: string }>) =>
  db.selectFrom('grants').selectAll().where('secret_id', '=', p('secretId')),
);

/**
 * Gives others rights on one secret, in place of those that were given on it
 * before. The rights stay with the secret when it is renamed or moved.
 *
 * @throws {@link StrongroomError} `subject_not_found`, `invalid_input`.
 */
export async function grantOnSecret(
  { work, policy }: { readonly work: Work; readonly policy: Policy },
  secret: GrantPlace & { readonly id: string },
  access: readonly SecretAccess[],
): Promise<void> {
  await removeSecretGrants(work, secret.id);
  const { workspace } = secret.environment;
  for (const { subject, can } of access) {
    if (can.length === 0) {
      throw new StrongroomError('invalid_input', `no capability is named for ${subject}`, {
        hint: `name some of ${CAPABILITIES.join(', ')}, or leave the subject out`,
      });
    }
    const found = policy.subject(subject, workspace.id);
    if (found === undefined) throw subjectNotFound(subject);
    await insertRow(work.transaction, work.mac, GRANTS, {
      id: uuidv7(),
      workspace_id: workspace.id,
      subject_kind: found.kind,
      subject_id: found.id,
      effect: 'allow',
      capabilities: CAPABILITIES.filter((each) => can.includes(each)).join(' '),
      pattern: patternOf(secret),
      conditions: null,
      created_at: work.now,
      created_by: work.actor,
      secret_id: secret.id,
    });
  }
}

/**
 * Refuses to take the grants on a secret to a place where the caller could not
 * give them: rights count somewhere only if an admin of that place agreed.
 *
 * @param to - Where the secret comes to be, which is another place than before.
 * @throws {@link StrongroomError} `denied`, with the way out: take the rights away first;
 * `escalation_refused`.
 */
export async function requireGrantsAllowed(
  call: Relocator,
  secretId: string,
  to: GrantPlace,
): Promise<void> {
  const rows = await grantsOfSecret(call, secretId);
  if (rows.length === 0) return;
  const { workspace, name } = to.environment;
  const resource = [workspace.name, name, ...to.path.split('/')];
  if (!call.may('admin', resource)) {
    const isKnown = call.may('list', resource);
    throw grantsRefused(isKnown ? resource : resource.slice(0, 2), call.request);
  }
  call.requireHeld(
    rows.map((row) => ({
      capabilities: capabilitiesOf(row),
      pattern: resource,
      workspaceId: workspace.id,
    })),
  );
}

/**
 * Lets the grants on a secret follow it to where it is now; without a place,
 * as for a secret in the trash, they cover nothing until it has one again.
 */
export async function followSecret(
  work: Work,
  secretId: string,
  place: GrantPlace | undefined,
): Promise<void> {
  const pattern = place === undefined ? SUSPENDED : patternOf(place);
  for (const from of await grantsOfSecret(work, secretId)) {
    const workspaceId = place?.environment.workspace.id ?? from.workspace_id;
    if (workspaceId === from.workspace_id) {
      const set = { pattern };
      if (pattern !== from.pattern) {
        await updateRow(work.transaction, work.mac, GRANTS, { from, set });
      }
    } else {
      // Each workspace counts its own rows, so one that changes sides leaves and comes anew.
      await removeRow(work.transaction, work.mac, GRANTS, from);
      const { row_revision: _revision, mac_key: _key, mac: _mac, ...kept } = from;
      const row = { ...kept, workspace_id: workspaceId, pattern };
      await insertRow(work.transaction, work.mac, GRANTS, { ...row, id: uuidv7() });
    }
  }
}

/** Takes all grants on a secret away, as when it is destroyed. */
export async function removeSecretGrants(work: Work, secretId: string): Promise<void> {
  for (const row of await grantsOfSecret(work, secretId)) {
    await removeRow(work.transaction, work.mac, GRANTS, row);
  }
}

/**
 * The rules on one secret.
 *
 * @throws {@link StrongroomError} `integrity_error`.
 */
export async function grantsOfSecret(
  work: Pick<Work, 'transaction' | 'mac'>,
  secretId: string,
): Promise<readonly GrantRow[]> {
  const rows = await work.transaction.all(ofSecret, { secretId });
  for (const row of rows) work.mac.check(GRANTS, row);
  return rows;
}

function patternOf({ environment, path }: GrantPlace): string {
  return [environment.workspace.name, environment.name, path].join('/');
}
