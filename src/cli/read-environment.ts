import type { ListSecretsInput } from '../core/operations/list-secrets.ts';
import type { EnvironmentResolved } from '../core/operations/resolve-environment.ts';
import type { SecretSummary } from '../core/operations/secret-view.ts';
import type { Session } from '../core/session.ts';
import type { ValueOutput } from '../domain/secrets/value.ts';
import { StrongroomError, type ErrorCode } from '../errors.ts';
import type { FieldContent } from '../formats/secret-content.ts';
import type { ExportedSecret } from '../formats/variables.ts';
import type { SecretValue } from '../secret-value.ts';
import { PageBound } from './page-bound.ts';
import { withSuggestion } from './suggest.ts';
import type { Terminal } from './terminal.ts';

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
  const pages = new PageBound();
  let cursor: string | undefined;
  do {
    // One more than asked for tells whether there are more: `next` alone does not.
    const page = Math.min(PAGE_MAX, limit + 1 - secrets.length);
    const listed = await session.secrets.list({ ...filter, limit: page, cursor });
    for (const secret of listed.secrets) secrets.push(secret);
    cursor = pages.after(listed.next, listed.secrets);
  } while (cursor !== undefined && secrets.length <= limit);
  return { secrets: secrets.slice(0, limit), hasMore: secrets.length > limit };
}

/**
 * Reads what is in effect in an environment, all in one call. Each secret has
 * its own entry in the audit log.
 *
 * @throws {@link StrongroomError} `secret_not_found` if a name in `only` or `except` is not there.
 */
export async function readEnvironment(
  session: Session,
  selection: Selection,
): Promise<EnvironmentResolved> {
  const { workspace, environment } = selection;
  try {
    return await session.environments.resolve(selection);
  } catch (error) {
    if (!(error instanceof StrongroomError)) throw error;
    const { path } = error.details;
    if (typeof path !== 'string') throw error;
    if (REFERENCE_CODES.has(error.code)) throw sayingExcept(error, path);
    return await withSuggestion(session, { workspace, environment, path }, () =>
      Promise.reject(error),
    );
  }
}

/** Says what has no value that may be given out, so that nobody wonders why it is missing. */
export function tellLeftOut({ leftOut }: EnvironmentResolved, terminal: Terminal): void {
  for (const { path, reason } of leftOut) terminal.note(`left out: ${path} (${reason})`);
}

/** Errors of one secret that would keep all others back. */
const REFERENCE_CODES: ReadonlySet<ErrorCode> = new Set([
  'reference_not_found',
  'reference_cycle',
  'reference_limit',
  'binary_value',
]);

function sayingExcept(error: StrongroomError, path: string): StrongroomError {
  const { code, message, details, hint } = error;
  const except = `leave it out with --except ${path}`;
  return new StrongroomError(code, message, {
    details,
    hint: hint === undefined ? except : `${hint}; or ${except}`,
    cause: error,
  });
}

/** Takes the values out of what was read; what was read is wiped. */
export function toExported(secret: ValueOutput & { readonly path: string }): ExportedSecret {
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
