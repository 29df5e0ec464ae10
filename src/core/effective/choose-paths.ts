import { secretNotFound } from '../../domain/secrets/secret-errors.ts';

/** What is chosen of the paths of an environment: by path, or by the last segment of paths. */
export interface PathChoice {
  /** Default: all. */
  readonly only?: readonly string[] | undefined;
  /** Default: none. */
  readonly except?: readonly string[] | undefined;
}

/**
 * The paths that are chosen, in their order.
 *
 * @param environment - Its name, for messages.
 * @throws {@link StrongroomError} `secret_not_found` for a name that fits no path.
 */
export function choosePaths(
  listed: readonly string[],
  { only, except = [] }: PathChoice,
  environment: string,
): readonly string[] {
  if (only === undefined && except.length === 0) return listed;
  const paths = new Set(listed);
  const byName = Map.groupBy(listed, (path) => path.slice(path.lastIndexOf('/') + 1));
  const matching = (asked: readonly string[]): ReadonlySet<string> =>
    new Set(
      asked.flatMap((name) => {
        const found = paths.has(name) ? [name] : byName.get(name);
        if (found === undefined) throw secretNotFound(name, environment);
        return found;
      }),
    );
  const wanted = only === undefined ? undefined : matching(only);
  const left = matching(except);
  return listed.filter((path) => wanted?.has(path) !== false && !left.has(path));
}
