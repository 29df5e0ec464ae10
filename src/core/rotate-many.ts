import type { ErrorCode } from '../errors.ts';
import type { SecretType } from '../formats/secret-type.ts';
import { wipeOutput, type ValueInput } from '../domain/secrets/value.ts';
import type { SecretRead } from './operations/read-secret.ts';
import type { SecretRotated } from './operations/rotate-secret.ts';
import type { SecretAddress } from './operations/secret-address.ts';
import type { Session } from './session.ts';
import { asStrongroomError } from './unforeseen.ts';

/** Which secrets {@link rotateMany} rotates. All that it says must fit. */
export interface RotationSelection {
  readonly workspace?: string | undefined;
  /** Default: every environment of the workspace. */
  readonly environment?: string | undefined;
  readonly type?: SecretType | undefined;
  readonly tag?: string | undefined;
  /** Only those that are due now. */
  readonly due?: boolean | undefined;
}

/** Where a secret is that was to be rotated. */
export interface RotationPlace {
  readonly environment: string;
  readonly path: string;
}

/** What became of each secret. */
export interface RotationReport {
  readonly rotated: readonly (RotationPlace & { readonly version: number })[];
  readonly failed: readonly (RotationPlace & {
    readonly code: ErrorCode;
    readonly message: string;
  })[];
  /** Those that have no generator: somebody has to give them a value. */
  readonly skipped: readonly RotationPlace[];
}

const PAGE = 1000;
/** As many are under way at once, so that one commit pays for all of them. */
const AT_ONCE = 64;

/**
 * Rotates many secrets, each for itself: one that fails stops no other, and
 * keeps its value.
 *
 * @throws {@link StrongroomError} only if the secrets cannot be listed.
 *
 * @example
 * const { rotated, failed, skipped } = await rotateMany(session, { tag: 'payments', due: true });
 */
export async function rotateMany(
  session: Session,
  selection: RotationSelection,
): Promise<RotationReport> {
  const report = {
    rotated: [] as RotationReport['rotated'][number][],
    failed: [] as RotationReport['failed'][number][],
    skipped: [] as RotationPlace[],
  };
  const chosen = await choose(session, selection);
  for (let from = 0; from < chosen.length; from += AT_ONCE) {
    await Promise.all(
      chosen.slice(from, from + AT_ONCE).map(async ({ environment, path, generator }) => {
        if (generator === null) return report.skipped.push({ environment, path });
        const address = { workspace: selection.workspace, environment, path };
        try {
          const { version } = await session.secrets.rotate(address);
          return report.rotated.push({ environment, path, version });
        } catch (error) {
          const { code, message } = asStrongroomError(error);
          return report.failed.push({ environment, path, code, message });
        }
      }),
    );
  }
  return report;
}

/**
 * Rotates a secret to what a function makes of its present value, such as one
 * that first tells it to another system. Nothing is held meanwhile: if the
 * function fails, or the process ends, the old value stays current; if the
 * secret was changed meanwhile, the rotation fails with `cas_mismatch`.
 *
 * @param change - Gets the secret as it is, which is wiped afterwards, and gives the new value.
 * @throws {@link StrongroomError} as `secrets.read` and `secrets.rotate`; and whatever `change` throws.
 *
 * @example
 * await rotateWith(session, { environment: 'production', path: 'db/password' }, async () => {
 *   const { value } = await session.secrets.generate({ generator: 'password:32' });
 *   await database.query('ALTER ROLE app PASSWORD …');
 *   return value;
 * });
 */
export async function rotateWith(
  session: Session,
  address: SecretAddress,
  change: (current: SecretRead) => ValueInput | Promise<ValueInput>,
): Promise<SecretRotated> {
  const current = await session.secrets.read(address);
  try {
    const newValue = await change(current);
    return await session.secrets.rotate({ ...address, newValue, cas: current.version });
  } finally {
    wipeOutput(current);
  }
}

interface Chosen extends RotationPlace {
  readonly generator: string | null;
}

async function choose(session: Session, selection: RotationSelection): Promise<readonly Chosen[]> {
  const { due = false, ...filter } = selection;
  const dueIds = due ? await dueNow(session, selection) : undefined;
  const chosen: Chosen[] = [];
  let cursor: string | undefined;
  do {
    const page = await session.secrets.list({ ...filter, limit: PAGE, cursor });
    chosen.push(...page.secrets.filter(({ id }) => dueIds?.has(id) ?? true));
    cursor = page.next;
  } while (cursor !== undefined);
  return chosen;
}

async function dueNow(
  session: Session,
  { workspace, environment }: RotationSelection,
): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  for (let after: string | undefined; ;) {
    const { secrets, next } = await session.secrets.due({
      workspace,
      environment,
      limit: PAGE,
      cursor: after,
    });
    for (const { id } of secrets) ids.add(id);
    if (next === undefined) return ids;
    after = next;
  }
}
