import { wipeOutput, type ValueOutput } from '../domain/secrets/value.ts';
import { StrongroomError } from '../errors.ts';
import { toVariables, type ExportedSecret, type VariableOptions } from '../formats/variables.ts';
import { SecretValue } from '../secret-value.ts';
import { databaseAddress, wholeAddress } from './database-url.ts';
import { followValues, type FollowedValues, type FollowOptions } from './followed-values.ts';
import { namedValue } from './named-value.ts';
import type { Session } from './session.ts';

/** Which environment an application works with. */
export interface EnvironmentPlace {
  /** Default: `default`. */
  readonly workspace?: string | undefined;
  readonly environment: string;
}

/** The operations that it is made of. */
export type EnvironmentSession = Pick<Session, 'secrets' | 'environments' | 'events'>;

/** Options of {@link VaultEnvironment.get}. */
export interface GetOptions {
  /** One field of a secret that has fields. */
  readonly field?: string | undefined;
}

/** Options of {@link VaultEnvironment.inject}. */
export interface InjectOptions extends Pick<VariableOptions, 'prefix' | 'allowEnv'> {
  /** Paths, or last segments of paths. Default: all. */
  readonly only?: readonly string[] | undefined;
  /** Paths, or last segments of paths, that are left out and not read. Default: none. */
  readonly except?: readonly string[] | undefined;
  /** Replaces what the object has under a name already. Default: that stays. */
  readonly overwrite?: boolean | undefined;
}

/** What was put into an object; disposing of it takes it out again. */
export interface Injected extends Disposable {
  /** Names that were set. */
  readonly names: readonly string[];
  /** Names that the object had already, and that stayed as they were. */
  readonly kept: readonly string[];
  /** Takes out what is still as it was set, and puts back what was replaced. */
  remove(): void;
}

/** Where {@link VaultEnvironment.databaseUrl} looks if it is not told, in order. */
const DATABASE_PATHS: readonly string[] = [
  'DATABASE_URL',
  'database/URL',
  'db/URL',
  'database',
  'db',
];

/** Where {@link VaultEnvironment.apiKey} looks, in order. */
const API_KEY_PATHS: readonly ((service: string) => string)[] = [
  (service) => `${upper(service)}_API_KEY`,
  (service) => `${service}/API_KEY`,
  (service) => `${service}/api_key`,
  (service) => `${upper(service)}_KEY`,
  (service) => `${upper(service)}_TOKEN`,
  (service) => `api-keys/${service}`,
];

/**
 * An environment as an application uses it: values in effect, with what is
 * inherited and references resolved. Each method is one or a few operations,
 * on record like all others.
 */
export class VaultEnvironment {
  readonly #session: EnvironmentSession;
  readonly #place: EnvironmentPlace;

  /** @internal Use `vault.environment` or `session.environment`. */
  constructor(session: EnvironmentSession, place: EnvironmentPlace) {
    this.#session = session;
    this.#place = place;
  }

  /**
   * One value.
   *
   * @throws {@link StrongroomError} `secret_not_found`, `denied`, `invalid_input` for a secret with
   * fields without `field`, and what else `secrets.resolve` fails with.
   *
   * @example
   * using password = await production.get('db/PASSWORD');
   * connect({ password: password.reveal() });
   */
  async get(path: string, { field }: GetOptions = {}): Promise<SecretValue> {
    const secret = await this.#session.secrets.resolve({ ...this.#place, path, field });
    try {
      return namedValue(path, secret);
    } catch (error) {
      wipeOutput(secret);
      throw error;
    }
  }

  /**
   * All values by path; those of fields as `path#field`.
   *
   * @throws {@link StrongroomError} as `environments.resolve` does.
   *
   * @example
   * for (const [name, value] of Object.entries(await production.all())) console.log(name, `${value}`);
   */
  async all(): Promise<Readonly<Record<string, SecretValue>>> {
    const { secrets } = await this.#session.environments.resolve(this.#place);
    // Without a prototype: `__proto__` is a name like any other.
    const all = Object.create(null) as Record<string, SecretValue>;
    for (const secret of secrets) {
      if (secret.kind !== 'fields') all[secret.path] = secret.value;
      else {
        for (const [field, value] of Object.entries(secret.fields)) {
          all[`${secret.path}#${field}`] = value;
        }
      }
    }
    return all;
  }

  /**
   * Values that follow what changes: read now, and again after each change, so that they can be asked
   * for at any time without waiting.
   *
   * @throws {@link StrongroomError} as `events.open` and `environments.resolve` do.
   *
   * @example
   * await using values = await production.follow({ only: ['SIGNING_KEY'] });
   * using key = values.get('SIGNING_KEY'); // as it is now
   */
  follow(options: FollowOptions = {}): Promise<FollowedValues> {
    return followValues(this.#session, this.#place, options);
  }

  /**
   * The address of a database: a secret of text as it is, or put together from
   * the fields of a `database_credential`, percent-encoded.
   *
   * @param path - Default: the first that is there of `DATABASE_URL`, `database/URL`, `db/URL`,
   * `database` and `db`.
   * @throws {@link StrongroomError} `secret_not_found`, `binary_value`, `invalid_input` if fields are missing.
   *
   * @example
   * using url = await production.databaseUrl();
   * const pool = createPool(url.reveal());
   */
  async databaseUrl(path?: string): Promise<SecretValue> {
    const paths = path === undefined ? DATABASE_PATHS : [path];
    const { secret, at } = await this.#first(paths, 'the address of a database');
    if (secret.value?.kind === 'text') return secret.value;
    try {
      if (secret.kind !== 'fields') throw holdsBytes(at);
      const fields = Object.entries(secret.fields).filter(([, value]) => value.kind === 'text');
      const texts = Object.fromEntries(fields.map(([name, value]) => [name, value.reveal()]));
      return SecretValue.text(wholeAddress(texts) ?? databaseAddress(at, texts));
    } finally {
      wipeOutput(secret);
    }
  }

  /**
   * The API key of a service: the first that is there of `OPENAI_API_KEY`,
   * `openai/API_KEY`, `openai/api_key`, `OPENAI_KEY`, `OPENAI_TOKEN` and `api-keys/openai`.
   *
   * @param service - Its name, such as `openai`.
   * @throws {@link StrongroomError} `secret_not_found`; `invalid_input` if it has fields.
   *
   * @example
   * using key = await production.apiKey('openai');
   */
  async apiKey(service: string): Promise<SecretValue> {
    const paths = API_KEY_PATHS.map((pathFor) => pathFor(service));
    const { secret, at } = await this.#first(paths, `an API key of ${service}`);
    if (secret.kind !== 'fields') return secret.value;
    const { api_key: apiKey, key = apiKey, token = key } = secret.fields;
    for (const value of Object.values(secret.fields)) if (value !== token) value.wipe();
    if (token !== undefined) return token;
    throw new StrongroomError('field_not_found', `${at} has no field api_key, key or token`, {
      details: { path: at },
    });
  }

  /**
   * Sets text values as members of an object, named as `strongroom run` names
   * variables. A JavaScript string can't be overwritten: taking it out again
   * keeps it from programs that are started later, not from who reads memory.
   *
   * @param target - Such as `process.env`.
   * @throws {@link StrongroomError} `unsafe_variable_name`, `name_conflict`, `binary_value`, and what
   * `environments.resolve` fails with. Nothing was set then.
   *
   * @example
   * using injected = await production.inject(process.env, { only: ['DATABASE_URL'] });
   */
  async inject(
    target: Record<string, string | undefined>,
    options: InjectOptions = {},
  ): Promise<Injected> {
    const { only, except, overwrite = false, prefix, allowEnv } = options;
    const naming = {
      ...(prefix === undefined ? {} : { prefix }),
      ...(allowEnv === undefined ? {} : { allowEnv }),
    };
    const { secrets } = await this.#session.environments.resolve({ ...this.#place, only, except });
    try {
      const variables = toVariables(secrets.map(toExported), naming);
      const isKept = (name: string): boolean => !overwrite && Object.hasOwn(target, name);
      const kept = variables.filter(({ name }) => isKept(name)).map(({ name }) => name);
      return {
        ...put(
          target,
          variables.filter(({ name }) => !isKept(name)),
        ),
        kept,
      };
    } finally {
      secrets.forEach(wipeOutput);
    }
  }

  /** The first of several names that is there. */
  async #first(
    paths: readonly string[],
    what: string,
  ): Promise<{ readonly secret: ValueOutput; readonly at: string }> {
    for (const at of paths) {
      try {
        return { secret: await this.#session.secrets.resolve({ ...this.#place, path: at }), at };
      } catch (error) {
        if (paths.length === 1 || !isAbsent(error)) throw error;
      }
    }
    const { environment } = this.#place;
    throw new StrongroomError('secret_not_found', `${environment} does not have ${what}`, {
      details: { environment, paths },
      hint: `set one of ${paths.join(', ')}`,
    });
  }
}

function isAbsent(error: unknown): boolean {
  if (!(error instanceof StrongroomError)) return false;
  return error.code === 'secret_not_found' || error.code === 'secret_deleted';
}

/** Sets members as ordinary ones, also under names that objects have by nature. */
function put(
  target: Record<string, string | undefined>,
  variables: readonly { readonly name: string; readonly value: string }[],
): Omit<Injected, 'kept'> {
  const before = new Map<string, string | undefined>();
  for (const { name, value } of variables) {
    before.set(name, Object.hasOwn(target, name) ? target[name] : undefined);
    define(target, name, value);
  }
  const remove = (): void => {
    for (const { name, value } of variables) {
      if (!before.has(name) || !Object.hasOwn(target, name) || target[name] !== value) continue;
      const replaced = before.get(name);
      if (replaced === undefined) delete target[name];
      else define(target, name, replaced);
    }
    before.clear();
  };
  return { names: variables.map(({ name }) => name), remove, [Symbol.dispose]: remove };
}

function define(target: object, name: string, value: string): void {
  Object.defineProperty(target, name, {
    value,
    configurable: true,
    enumerable: true,
    writable: true,
  });
}

function toExported(secret: ValueOutput & { readonly path: string }): ExportedSecret {
  const { path } = secret;
  if (secret.kind === 'fields') {
    const fields = Object.entries(secret.fields).map(
      ([name, value]) => [name, contentOf(value)] as const,
    );
    return { path, kind: 'fields', value: new Map(fields) };
  }
  const value = contentOf(secret.value);
  return typeof value === 'string' ? { path, kind: 'text', value } : { path, kind: 'bytes', value };
}

function contentOf(value: SecretValue): string | Uint8Array {
  return value.kind === 'text' ? value.reveal() : value.revealBytes();
}

function holdsBytes(path: string): StrongroomError {
  return new StrongroomError('binary_value', `${path} holds bytes`, { details: { path } });
}

function upper(service: string): string {
  return service.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_');
}
