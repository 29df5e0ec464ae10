import { envelopeCommitment } from '../../crypto/envelope.ts';
import type { VersionRecord } from '../../crypto/version-record.ts';
import { findSecret } from '../../domain/secrets/find.ts';
import { pathFault } from '../../domain/secrets/path.ts';
import { findPersonal, listPersonal, openPersonal } from '../../domain/secrets/personal-values.ts';
import { whyNoValue } from '../../domain/secrets/read-current.ts';
import { allSecrets } from '../../domain/secrets/rows-under.ts';
import { wipeRecord } from '../../domain/secrets/value.ts';
import { openVersion, readVersionRow } from '../../domain/secrets/versions.ts';
import type { Environment } from '../../domain/workspaces/directory.ts';
import { throughImport } from '../../domain/workspaces/imports.ts';
import { DAMAGED_HINT, StrongroomError } from '../../errors.ts';
import { askOwner } from '../denials.ts';
import { equalBytes } from '../../lib/compare.ts';
import type { ImportRow, PersonalValueRow, SecretRow } from '../../store/tables.ts';
import type { Call } from '../operation.ts';
import { mayAt } from '../rights-at.ts';

/** A path in an environment, whether there is a secret or not. */
export interface Place {
  readonly environment: Environment;
  readonly path: string;
}

/** What is in effect at a place, and where it really is. */
export type Located =
  | { readonly kind: 'own' | 'inherited'; readonly place: Place; readonly row: SecretRow }
  | { readonly kind: 'personal'; readonly place: Place; readonly row: PersonalValueRow };

/** A value that was decrypted, on record as read. Whoever opened it wipes it. */
export interface Opened {
  readonly located: Located;
  readonly record: VersionRecord;
  readonly hasReferences: boolean;
}

/** How many paths one environment has at most, with those that it inherits. */
const PATHS_MAX = 250_000;

/**
 * Finds what is in effect where, for one call: the caller's own value, else
 * what the environment has, else what it inherits. A place is looked at only
 * by those who may do there what they ask for: so nobody learns what is there,
 * and nobody is given something else in its place.
 */
export class EffectivePlaces implements Disposable {
  readonly #call: Call;
  readonly #capability: 'read' | 'list';
  readonly #rows: Map<string, ReadonlyMap<string, SecretRow>> = new Map();
  readonly #personal: Map<string, ReadonlyMap<string, PersonalValueRow>> = new Map();
  readonly #paths: Map<string, ReadonlySet<string>> = new Map();
  readonly #located: Map<string, Located | undefined> = new Map();
  readonly #opened: Map<string, Opened> = new Map();

  constructor(call: Call, capability: 'read' | 'list' = 'read') {
    this.#call = call;
    this.#capability = capability;
  }

  /**
   * Every path at which something may be in effect in an environment, in
   * order. All rows that it takes are read at once.
   */
  async paths(environment: Environment): Promise<readonly string[]> {
    const paths = new Set(await this.#pathsOf(environment));
    const personal = environment.isProtected ? [] : await listPersonal(this.#call, environment);
    this.#personal.set(environment.id, new Map(personal.map((row) => [row.path, row])));
    for (const { path } of personal) paths.add(path);
    return [...paths].toSorted();
  }

  /**
   * What is in effect at a place at which the caller may look.
   *
   * @throws {@link StrongroomError} `denied` if the way goes through a place at which it may not.
   */
  async locate(place: Place): Promise<Located | undefined> {
    const personal = await this.#personalAt(place);
    if (personal !== undefined) return { kind: 'personal', place, row: personal };
    return this.#stored(place, place);
  }

  /**
   * Decrypts what is in effect, and puts it on record.
   *
   * @throws {@link StrongroomError} `secret_deleted`, `decryption_failed`, `integrity_error`.
   */
  async open(located: Located): Promise<Opened> {
    const key = `${located.kind} ${keyOf(located.place)}`;
    const known = this.#opened.get(key);
    if (known !== undefined) return known;
    const opened =
      located.kind === 'personal'
        ? { located, record: openPersonal(this.#call, located.row), hasReferences: false }
        : { located, ...(await this.#openStored(located.row)) };
    this.#opened.set(key, opened);
    this.#recordRead(located);
    return opened;
  }

  /** Wipes all that was decrypted. */
  [Symbol.dispose](): void {
    for (const { record } of this.#opened.values()) wipeRecord(record);
  }

  async #stored(place: Place, asked: Place): Promise<Located | undefined> {
    const key = keyOf(place);
    if (this.#located.has(key)) return this.#located.get(key);
    // Said before it is known, so that a circle, which nobody can make, comes to an end.
    this.#located.set(key, undefined);
    try {
      const located = await this.#lookUp(place, asked);
      this.#located.set(key, located);
      return located;
    } catch (error) {
      this.#located.delete(key);
      throw error;
    }
  }

  async #lookUp(place: Place, asked: Place): Promise<Located | undefined> {
    const row = await this.#rowAt(place);
    if (row !== undefined) return { kind: 'own', place, row };
    for (const row of this.#call.directory.imports(place.environment)) {
      const path = throughImport(row, place.path);
      const environment = this.#sourceOf(row);
      if (path === undefined || environment === undefined) continue;
      const source = { environment, path };
      if (!mayAt(this.#call, this.#capability, environment, path)) {
        throw this.#denied(source, asked);
      }
      const found = await this.#stored(source, asked);
      if (found !== undefined && found.kind !== 'personal') return { ...found, kind: 'inherited' };
    }
    return undefined;
  }

  async #personalAt({ environment, path }: Place): Promise<PersonalValueRow | undefined> {
    if (environment.isProtected) return undefined;
    const known = this.#personal.get(environment.id);
    return known === undefined ? findPersonal(this.#call, environment, path) : known.get(path);
  }

  async #rowAt({ environment, path }: Place): Promise<SecretRow | undefined> {
    const known = this.#rows.get(environment.id);
    return known === undefined ? findSecret(this.#call, environment, path) : known.get(path);
  }

  /** Every path of what is stored or inherited in an environment, not in order. */
  async #pathsOf(environment: Environment): Promise<ReadonlySet<string>> {
    const known = this.#paths.get(environment.id);
    if (known !== undefined) return known;
    const paths = new Set((await this.#allRows(environment)).keys());
    this.#paths.set(environment.id, paths);
    for (const row of this.#call.directory.imports(environment)) {
      const source = this.#sourceOf(row);
      for (const path of source === undefined ? [] : await this.#pathsOf(source)) {
        const seen = throughImport({ folder: row.source_folder, source_folder: row.folder }, path);
        if (seen !== undefined && pathFault(seen) === undefined) paths.add(seen);
      }
      if (paths.size > PATHS_MAX) throw tooManyPaths(environment);
    }
    return paths;
  }

  async #allRows(environment: Environment): Promise<ReadonlyMap<string, SecretRow>> {
    const known = this.#rows.get(environment.id);
    if (known !== undefined) return known;
    const rows = await allSecrets(this.#call, environment);
    const byPath = new Map(rows.map((row) => [row.path, row]));
    this.#rows.set(environment.id, byPath);
    return byPath;
  }

  #sourceOf(row: ImportRow): Environment | undefined {
    return this.#call.directory.environmentById(row.source_environment_id);
  }

  async #openStored(row: SecretRow): Promise<Omit<Opened, 'located'>> {
    if (row.current_commit === null) throw await whyNoValue(this.#call, row);
    const version = await readVersionRow(this.#call, row.id, row.current_version);
    if (!equalBytes(envelopeCommitment(version.envelope), row.current_commit)) {
      throw new StrongroomError('integrity_error', 'a value is not the current one', {
        details: { secret: row.id },
        hint: DAMAGED_HINT,
      });
    }
    const record = openVersion(this.#call, row, row.current_version, version);
    return { record, hasReferences: version.has_references === 1 };
  }

  #recordRead({ kind, place, row }: Located): void {
    this.#call.record('secrets.read', {
      workspace: place.environment.workspace.name,
      environment: place.environment.name,
      path: place.path,
      ...(kind === 'personal'
        ? { detail: 'personal value' }
        : { secretId: row.id, version: row.current_version }),
    });
  }

  #denied(source: Place, asked: Place): StrongroomError {
    const name = nameFrom(source, asked);
    return deniedAt(this.#call, source, {
      path: asked.path,
      doing: this.#capability,
      named: `${name}, which ${asked.path} is inherited from`,
      unnamed: `what ${asked.path} is inherited from`,
    });
  }
}

function tooManyPaths({ name }: Environment): StrongroomError {
  return new StrongroomError(
    'reference_limit',
    `${name} would have more than ${PATHS_MAX} names with those that it inherits`,
    { details: { environment: name }, hint: 'see `strongroom inherit list`' },
  );
}

/**
 * The error for a place that the caller may not look at, on the way to another.
 * It goes on record with its name; the caller is told it only if it may list it.
 */
export function deniedAt(
  call: Call,
  place: Place,
  say: {
    readonly path: string;
    readonly doing: string;
    readonly named: string;
    readonly unnamed: string;
  },
): StrongroomError {
  call.about({ detail: keyOf(place) });
  const isNamed = mayAt(call, 'list', place.environment, place.path);
  return new StrongroomError(
    'denied',
    `you may not ${say.doing} ${isNamed ? say.named : say.unnamed}`,
    {
      details: {
        path: say.path,
        capability: say.doing,
        request: call.request,
        ...(isNamed ? { resource: keyOf(place) } : {}),
      },
      hint: askOwner(call.request),
    },
  );
}

/** A place by its whole name, such as `default/production/db/PASSWORD`. */
export function keyOf({ environment, path }: Place): string {
  return `${environment.workspace.name}/${environment.name}/${path}`;
}

/** A place as it is called from another: the shortest reference to it. */
export function nameFrom({ environment, path }: Place, from: Place): string {
  if (environment.id === from.environment.id) return path;
  if (environment.workspace.id === from.environment.workspace.id) {
    return `${environment.name}/${path}`;
  }
  return `${environment.workspace.name}:${environment.name}/${path}`;
}
