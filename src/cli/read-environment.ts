import type { ListSecretsInput } from '../core/operations/list-secrets.ts';
import type { SecretRead } from '../core/operations/read-secret.ts';
import type { SecretSummary } from '../core/operations/secret-view.ts';
import type { Session } from '../core/session.ts';
import { StrongroomError } from '../errors.ts';
import type { FieldContent } from '../formats/secret-content.ts';
import type { ExportedSecret } from '../formats/variables.ts';
import type { SecretValue } from '../secret-value.ts';
import { nearest } from './suggest.ts';

/** Which secrets are asked for. */
export interface Selection {
  readonly workspace: string | undefined;
  readonly environment: string;
  /** Paths, or last segments of paths. Default: all. */
  readonly only?: readonly string[] | undefined;
  /** Paths, or last segments of paths, that are left out and not read. Default: none. */
  readonly except?: readonly string[] | undefined;
}

/** What is known of secrets, without their values; `list --json` prints it. */
export interface Listed {
  readonly secrets: readonly SecretSummary[];
  /** Whether the limit kept some back. */
  readonly hasMore: boolean;
}

const PAGE_MAX = 1000;

/**
 * The secrets that fit and that the caller may list.
 *
 * @param limit - At most so many. Default: all.
 */
export async function listSecrets(
  session: Session,
  filter: ListSecretsInput,
  limit: number = Number.POSITIVE_INFINITY,
): Promise<Listed> {
  const secrets: SecretSummary[] = [];
  let cursor: string | undefined;
  do {
    // One more than asked for tells whether there are more: `next` alone does not.
    const page = Math.min(PAGE_MAX, limit + 1 - secrets.length);
    const listed = await session.secrets.list({ ...filter, limit: page, cursor });
    for (const secret of listed.secrets) secrets.push(secret);
    cursor = listed.next;
  } while (cursor !== undefined && secrets.length <= limit);
  return { secrets: secrets.slice(0, limit), hasMore: secrets.length > limit };
}

/**
 * Reads secrets of an environment. Each has its own entry in the audit log;
 * all are asked for at once, so that they are put on record together.
 *
 * @throws {@link StrongroomError} `secret_not_found` if a name in `only` or `except` is not there.
 */
export async function readEnvironment(
  session: Session,
  selection: Selection,
): Promise<readonly SecretRead[]> {
  const { workspace, environment, only, except } = selection;
  const { secrets } = await listSecrets(session, { workspace, environment });
  const left = except === undefined ? undefined : new Set(choose(secrets, except, environment));
  const chosen = choose(secrets, only, environment).filter((each) => left?.has(each) !== true);
  return Promise.all(
    chosen.map(({ path }) => session.secrets.read({ workspace, environment, path })),
  );
}

/** Takes the values out of what was read; what was read is wiped. */
export function toExported(secret: SecretRead): ExportedSecret {
  const { path } = secret;
  if (secret.kind === 'fields') {
    const fields = Object.entries(secret.fields).map(
      ([name, value]) => [name, takeOut(value)] as const,
    );
    return { path, kind: 'fields', value: new Map(fields) };
  }
  const content = takeOut(secret.value);
  return typeof content === 'string'
    ? { path, kind: 'text', value: content }
    : { path, kind: 'bytes', value: content };
}

function takeOut(secret: SecretValue): FieldContent {
  using value = secret;
  return value.kind === 'text' ? value.reveal() : value.revealBytes();
}

function choose(
  all: readonly SecretSummary[],
  only: readonly string[] | undefined,
  environment: string,
): readonly SecretSummary[] {
  if (only === undefined) return all;
  const chosen = new Set<SecretSummary>();
  for (const name of only) {
    const exact = all.filter(({ path }) => path === name);
    const found = exact.length > 0 ? exact : all.filter(({ path }) => lastOf(path) === name);
    if (found.length === 0) throw notThere(name, all, environment);
    for (const secret of found) chosen.add(secret);
  }
  return all.filter((secret) => chosen.has(secret));
}

function notThere(name: string, all: readonly SecretSummary[], environment: string): Error {
  const near = nearest(
    name,
    all.map(({ path }) => path),
  );
  return new StrongroomError('secret_not_found', `there is no secret ${name} in ${environment}`, {
    details: { path: name, environment },
    ...(near === undefined ? {} : { hint: `did you mean ${near}?` }),
  });
}

function lastOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
