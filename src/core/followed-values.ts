import { wipeOutput, type ValueOutput } from '../domain/secrets/value.ts';
import { StrongroomError } from '../errors.ts';
import type { SecretValue } from '../secret-value.ts';
import type { EnvironmentPlace, EnvironmentSession, GetOptions } from './environment.ts';
import type { Changes } from './events/bell.ts';
import { environmentChanges } from './events/environment-changes.ts';
import { renewals, type Renewed } from './events/renewals.ts';
import { namedValue } from './named-value.ts';
import { asStrongroomError } from './unforeseen.ts';

/** Options of `environment.follow`. */
export interface FollowOptions {
  /** Paths, or last segments of paths. Default: all. */
  readonly only?: readonly string[] | undefined;
  /** Paths, or last segments of paths, that are left out and not read. Default: none. */
  readonly except?: readonly string[] | undefined;
  /** Told which paths have come, gone, or have another value, once the new ones are there. */
  readonly changed?: ((paths: readonly string[]) => void) | undefined;
  /**
   * Told that new values cannot be read, or that changes are not told any more; then
   * {@link FollowedValues.isFollowing} is false. The values stay as they were.
   */
  readonly failed?: ((error: StrongroomError) => void) | undefined;
}

type Values = ReadonlyMap<string, ValueOutput>;

/** Values in effect in an environment, which are read again when something changes there. */
export class FollowedValues implements AsyncDisposable {
  readonly #changes: Changes;
  #values: Values;
  #state: 'following' | 'stale' | 'closed' = 'following';

  /** @internal Use `environment.follow`. */
  constructor(
    values: Values,
    parts: Pick<Renewed<Values>, 'changes' | 'read'>,
    options: FollowOptions,
  ) {
    this.#values = values;
    this.#changes = parts.changes;
    void this.#follow(parts, options);
  }

  /**
   * A value as it is now; a copy, which is the caller's to wipe.
   *
   * @throws {@link StrongroomError} `secret_not_found`; `invalid_input` for a secret with fields without
   * `field`, `field_not_found`; `secret_wiped` after it was closed.
   *
   * @example
   * using key = values.get('SIGNING_KEY');
   */
  get(path: string, { field }: GetOptions = {}): SecretValue {
    if (this.#state === 'closed') {
      throw new StrongroomError('secret_wiped', 'the values that were followed are wiped', {
        hint: 'they were closed: follow them again',
      });
    }
    const secret = this.#values.get(path);
    if (secret !== undefined) return namedValue(path, secret, field).copy();
    throw new StrongroomError('secret_not_found', `${path} is not among the values`, {
      details: { path },
      hint: 'it was deleted, or `only` and `except` leave it out',
    });
  }

  /** Paths that have a value now. */
  get paths(): readonly string[] {
    return [...this.#values.keys()];
  }

  /** Whether changes are still told. If not, `failed` was told why, or it was closed. */
  get isFollowing(): boolean {
    return this.#state === 'following';
  }

  /** Follows them no longer, and wipes them. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#take(new Map());
    await this.#changes[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #follow(
    parts: Pick<Renewed<Values>, 'changes' | 'read'>,
    { changed, failed }: FollowOptions,
  ): Promise<void> {
    const news = renewals(this.#values, {
      ...parts,
      // Not those before: by then they are wiped, if it was closed.
      isSame: (_before, now) => changedPaths(this.#values, now).length === 0,
      drop: wipeAll,
      failed: (error, what) => {
        if (this.#state === 'closed') return;
        if (what === 'following') this.#state = 'stale';
        tell(failed, asStrongroomError(error));
      },
    });
    for await (const now of news) {
      if (this.#state === 'closed') {
        wipeAll(now);
        return;
      }
      const paths = changedPaths(this.#values, now);
      this.#take(now);
      tell(changed, paths);
    }
  }

  #take(now: Values): void {
    const before = this.#values;
    this.#values = now;
    wipeAll(before);
  }
}

/**
 * Reads the values of an environment, and again after each change.
 *
 * @throws {@link StrongroomError} as `events.open` and `environments.resolve` do.
 */
export async function followValues(
  session: EnvironmentSession,
  place: EnvironmentPlace,
  options: FollowOptions,
): Promise<FollowedValues> {
  const { only, except } = options;
  const read = async (): Promise<Values> => {
    const { secrets } = await session.environments.resolve({ ...place, only, except });
    return new Map(secrets.map((secret) => [secret.path, secret]));
  };
  // Before they are read, so that no change is between the two.
  const changes = await environmentChanges(session, place);
  try {
    return new FollowedValues(await read(), { changes, read }, options);
  } catch (error) {
    await changes[Symbol.asyncDispose]();
    throw error;
  }
}

function changedPaths(before: Values, now: Values): readonly string[] {
  const paths = new Set([...before.keys(), ...now.keys()]);
  return [...paths].filter((path) => !isSame(before.get(path), now.get(path)));
}

function isSame(before: ValueOutput | undefined, now: ValueOutput | undefined): boolean {
  if (before === undefined || now === undefined || before.kind !== now.kind) return false;
  if (before.kind !== 'fields') return now.value !== undefined && before.value.equals(now.value);
  const names = new Set([...Object.keys(before.fields), ...Object.keys(now.fields ?? {})]);
  return [...names].every((name) => {
    const [was, is] = [fieldOf(before, name), fieldOf(now, name)];
    return was !== undefined && is !== undefined && was.equals(is);
  });
}

function fieldOf({ fields = {} }: ValueOutput, name: string): SecretValue | undefined {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

function wipeAll(values: Values): void {
  for (const value of values.values()) wipeOutput(value);
}

/** What it throws is thrown where nobody waits for it, and ends nothing here. */
function tell<T>(told: ((about: T) => void) | undefined, about: T): void {
  if (told !== undefined) queueMicrotask(() => told(about));
}
