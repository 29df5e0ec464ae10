import type { Session } from '../core/session.ts';
import { StrongroomError, type ErrorCode, type ErrorDetails } from '../errors.ts';

const NAMES_MAX = 1000;

/**
 * Runs `work`; if the secret is not there, adds the nearest name that the
 * caller may list as a hint. Those who may not list are told nothing.
 */
export async function withSuggestion<T>(
  session: Session,
  at: {
    readonly workspace: string | undefined;
    readonly environment: string | undefined;
    readonly path: string;
  },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof StrongroomError)) throw error;
    const hint = undeleteHint(error, at) ?? (await suggestion(session, at, error.code));
    if (hint === undefined) throw error;
    const { code, message, details } = error;
    throw new StrongroomError(code, message, { details, hint, cause: error });
  }
}

/**
 * Runs `work`; if the environment is not there, adds the nearest one that the
 * caller may list as a hint.
 */
export async function withEnvironmentSuggestion<T>(
  session: Session,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof StrongroomError) || error.code !== 'environment_not_found') throw error;
    const { code, message, details } = error;
    const near = await nearestEnvironment(session, details);
    if (near === undefined) throw error;
    const hint = `did you mean ${near}?`;
    throw new StrongroomError(code, message, { details, hint, cause: error });
  }
}

async function nearestEnvironment(
  session: Session,
  { workspace, environment }: ErrorDetails,
): Promise<string | undefined> {
  if (typeof workspace !== 'string' || typeof environment !== 'string') return undefined;
  try {
    const environments = await session.environments.list({ workspace });
    return nearest(
      environment,
      environments.map(({ name }) => name),
    );
  } catch {
    return undefined;
  }
}

/** The whole command for a version that was deleted: the error knows only its number. */
function undeleteHint(
  { code, details }: StrongroomError,
  { workspace, environment, path }: Parameters<typeof withSuggestion>[1],
): string | undefined {
  const { version, destroyed } = details;
  // Of a folder it is not known which secret in it is meant.
  const isKnown = typeof version === 'number' && !path.endsWith('/');
  if (code !== 'secret_deleted' || !isKnown || destroyed === true) return undefined;
  const at = `${path}${environment === undefined ? '' : ` -e ${environment}`}${workspace === undefined ? '' : ` -w ${workspace}`}`;
  return `restore it with \`strongroom undelete ${at} --version ${version}\`, or get another version`;
}

async function suggestion(
  session: Session,
  { workspace, environment, path }: Parameters<typeof withSuggestion>[1],
  code: ErrorCode,
): Promise<string | undefined> {
  if (code !== 'secret_not_found') return undefined;
  try {
    const { secrets } = await session.secrets.list({ workspace, environment, limit: NAMES_MAX });
    const near = nearest(
      path,
      // What is listed there and not found is no other name: it has another reason.
      secrets.map((secret) => secret.path).filter((other) => other !== path),
    );
    if (near !== undefined) return `did you mean ${near}?`;
    const elsewhere = await session.secrets.list({ workspace, prefix: path, limit: NAMES_MAX });
    const other = elsewhere.secrets.find(
      (secret) => secret.path === path && secret.environment !== environment,
    );
    return other === undefined
      ? undefined
      : `it is in ${other.environment}: use -e ${other.environment}`;
  } catch {
    return undefined;
  }
}

/**
 * Another name in the same place that differs by one letter, by case or by an
 * ending, if the caller may list it.
 */
export async function similarName(
  session: Session,
  { workspace, environment, path }: Parameters<typeof withSuggestion>[1],
): Promise<string | undefined> {
  try {
    const { secrets } = await session.secrets.list({ workspace, environment, limit: NAMES_MAX });
    return secrets.map((secret) => secret.path).find((other) => isSimilar(path, other));
  } catch {
    return undefined;
  }
}

/** A number at the end is how names are told apart on purpose. */
function isSimilar(path: string, other: string): boolean {
  if (path === other || path.length < 5) return false;
  const [name, candidate] = [path.toLowerCase(), other.toLowerCase()];
  if (name.replace(/\d+$/, '') === candidate.replace(/\d+$/, '')) return name === candidate;
  return editDistance(name, candidate) <= (name.length < 8 ? 1 : 2);
}

/** The name that is most like another, if any is like it at all. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of names) {
    const distance = distanceOf(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** A part of a name is nearer than most typing errors, and its beginning is nearer still. */
function distanceOf(name: string, candidate: string): number {
  if (name === candidate) return 0;
  if (name.length >= 3 && candidate.startsWith(name)) return 0.5;
  if (name.length >= 3 && candidate.includes(name)) return 1;
  return editDistance(name, candidate);
}

/** Levenshtein's distance: how many letters to add, drop or replace. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const replaced = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const dropped = (previous[column] ?? 0) + 1;
      const added = (current[column - 1] ?? 0) + 1;
      current.push(Math.min(replaced, dropped, added));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
