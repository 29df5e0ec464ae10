import type { Session } from '../core/session.ts';
import { StrongroomError } from '../errors.ts';

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
    if (!(error instanceof StrongroomError) || error.code !== 'secret_not_found') throw error;
    const hint = await suggestion(session, at);
    if (hint === undefined) throw error;
    const { code, message, details } = error;
    throw new StrongroomError(code, message, { details, hint, cause: error });
  }
}

async function suggestion(
  session: Session,
  { workspace, environment, path }: Parameters<typeof withSuggestion>[1],
): Promise<string | undefined> {
  try {
    const { secrets } = await session.secrets.list({ workspace, environment, limit: NAMES_MAX });
    const near = nearest(
      path,
      secrets.map((secret) => secret.path),
    );
    if (near !== undefined) return `did you mean ${near}?`;
    const elsewhere = await session.secrets.list({ workspace, prefix: path, limit: NAMES_MAX });
    const other = elsewhere.secrets.find((secret) => secret.path === path);
    return other === undefined
      ? undefined
      : `it is in ${other.environment}: use -e ${other.environment}`;
  } catch {
    return undefined;
  }
}

/** The name that is most like another, if any is like it at all. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of names) {
    const contains = candidate.toLowerCase().includes(name.toLowerCase()) && name.length >= 3;
    const distance = contains ? 1 : editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
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
