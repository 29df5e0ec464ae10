import type { RecordField, VersionRecord } from '../../crypto/version-record.ts';
import { VALUE_BYTES_MAX } from '../../domain/secrets/limits.ts';
import { pathFault } from '../../domain/secrets/path.ts';
import { namedField } from '../../domain/secrets/value.ts';
import { StrongroomError, type ErrorCode } from '../../errors.ts';
import { askOwner } from '../denials.ts';
import { parseTemplate, type Reference } from '../../formats/references.ts';
import { concat, wipe } from '../../lib/bytes.ts';
import type { Call } from '../operation.ts';
import {
  deniedAt,
  keyOf,
  nameFrom,
  type EffectivePlaces,
  type Opened,
  type Place,
} from './effective-places.ts';

/** How many references may lead from one to the next. */
const DEPTH_MAX = 16;
/** How many references one value may have, those of what it refers to counted each time. */
const REFERENCES_MAX = 1000;

/** A field with text in place of its references. */
interface Expanded {
  readonly bytes: Uint8Array;
  /** How many references lead from one to the next in it. */
  readonly depth: number;
  readonly references: number;
}

/** What one value is being made of. */
interface Way {
  /** The secret that was asked for. */
  readonly root: Place;
  /** The fields on the way, by name, the innermost last. */
  readonly names: readonly string[];
}

/** A reference's place among the environments that there are. */
interface Target {
  readonly place: Place | undefined;
  readonly resource: readonly string[];
  readonly path: string;
}

/**
 * Puts values in place of references, with the caller's own rights. What was
 * made once in a call is made once.
 */
export class ReferenceExpander implements Disposable {
  readonly #call: Call;
  readonly #places: EffectivePlaces;
  readonly #expanded: Map<string, Expanded> = new Map();
  readonly #made: Uint8Array[] = [];

  constructor(call: Call, places: EffectivePlaces) {
    this.#call = call;
    this.#places = places;
  }

  /**
   * A value without references.
   *
   * @param asked - Where it was asked for.
   * @param field - Only this field, as a value of its own.
   * @returns New bytes, which the caller wipes.
   * @throws {@link StrongroomError} `field_not_found`, `reference_not_found`, `reference_cycle`,
   * `reference_limit`, `binary_value`, `denied`. No message has a value in it.
   */
  async expand(opened: Opened, asked: Place, field?: string): Promise<VersionRecord> {
    const { record } = opened;
    const chosen = field === undefined ? record.fields : [namedField(record, asked.path, field)];
    const fields: RecordField[] = [];
    let references = 0;
    let size = 0;
    try {
      for (const each of chosen) {
        const expanded = await this.#expandField(opened, each, { root: asked, names: [] });
        references += expanded.references;
        size += expanded.bytes.length;
        requireWithin(asked, { depth: 0, references, size });
        const name = field === undefined ? each.name : '';
        fields.push({ name, kind: each.kind, bytes: expanded.bytes.slice() });
      }
    } catch (error) {
      for (const { bytes } of fields) wipe(bytes);
      throw error;
    }
    return { kind: field === undefined ? record.kind : (fields[0]?.kind ?? 'text'), fields };
  }

  /** Wipes all that was made on the way. */
  [Symbol.dispose](): void {
    for (const bytes of this.#made) wipe(bytes);
  }

  async #expandField(opened: Opened, field: RecordField, way: Way): Promise<Expanded> {
    const { place, kind } = opened.located;
    if (!opened.hasReferences || field.kind === 'bytes') {
      return { bytes: field.bytes, depth: 0, references: 0 };
    }
    const name = field.name === '' ? keyOf(place) : `${keyOf(place)}#${field.name}`;
    if (way.names.includes(name)) throw cycle(way, name);
    const known = this.#expanded.get(`${kind} ${name}`);
    if (known !== undefined) return known;
    const expanded = await this.#fill(place, field, { ...way, names: [...way.names, name] });
    this.#expanded.set(`${kind} ${name}`, expanded);
    return expanded;
  }

  async #fill(place: Place, field: RecordField, way: Way): Promise<Expanded> {
    const pieces: Uint8Array[] = [];
    let depth = 0;
    let references = 0;
    let size = 0;
    for (const part of parseTemplate(field.bytes, field.name)) {
      if (part.kind === 'text') pieces.push(part.bytes);
      else {
        const target = await this.#follow(part.reference, place, way);
        depth = Math.max(depth, target.depth + 1);
        references += target.references + 1;
        pieces.push(target.bytes);
      }
      size += pieces.at(-1)?.length ?? 0;
      requireWithin(way.root, { depth: way.names.length - 1 + depth, references, size });
    }
    const bytes = concat(pieces);
    this.#made.push(bytes);
    return { bytes, depth, references };
  }

  async #follow(reference: Reference, from: Place, way: Way): Promise<Expanded> {
    const target = this.#targetOf(reference, from);
    const containing = nameFrom(from, way.root);
    const { place } = target;
    if (!this.#call.may('read', target.resource)) throw this.#denied(target, containing, way);
    const name = place === undefined ? target.resource.join('/') : nameFrom(place, way.root);
    const located = place === undefined ? undefined : await this.#places.locate(place);
    const fail = (code: ErrorCode, what: string, hint?: string): StrongroomError =>
      new StrongroomError(code, `${containing} refers to ${name}, ${what}`, {
        details: { path: way.root.path, target: target.resource.join('/') },
        ...(hint === undefined ? {} : { hint }),
      });
    if (located === undefined) throw fail('reference_not_found', 'which is not there');
    if (located.kind !== 'personal' && located.row.inactive_at !== null) {
      throw fail('reference_not_found', 'which is not active');
    }
    if (way.names.length > DEPTH_MAX) throw limit(way.root, `go more than ${DEPTH_MAX} deep`);
    const opened = await this.#places.open(located);
    const field = opened.record.fields.find((each) => each.name === (reference.field ?? ''));
    if (field === undefined && reference.field === undefined) {
      throw fail('reference_not_found', 'which has fields', `name one, as in \${${name}#password}`);
    }
    if (field === undefined) throw fail('reference_not_found', 'which has no such field');
    if (field.kind === 'bytes') throw fail('binary_value', 'which holds bytes');
    return this.#expandField(opened, field, way);
  }

  /** The first segment is an environment if the workspace has one of that name. */
  #targetOf({ workspace, segments }: Reference, from: Place): Target {
    const { directory } = this.#call;
    const workspaceName = workspace ?? from.environment.workspace.name;
    const found = directory.findWorkspace(workspaceName);
    const environments = found === undefined ? [] : directory.environments(found);
    const isNamed = segments.length > 1 && environments.some(({ name }) => name === segments[0]);
    const name = isNamed ? (segments[0] ?? '') : from.environment.name;
    const rest = isNamed ? segments.slice(1) : segments;
    const environment = environments.find((each) => each.name === name);
    const path = rest.join('/');
    const isPlace = environment !== undefined && pathFault(path) === undefined;
    return {
      place: isPlace ? { environment, path } : undefined,
      resource: [workspaceName, name, ...rest],
      path,
    };
  }

  #denied({ place, resource }: Target, containing: string, { root }: Way): StrongroomError {
    if (place !== undefined) {
      return deniedAt(this.#call, place, {
        path: root.path,
        doing: 'read',
        named: `${nameFrom(place, root)}, which ${containing} refers to`,
        unnamed: `a secret that ${containing} refers to`,
      });
    }
    this.#call.about({ detail: resource.join('/') });
    return new StrongroomError('denied', `you may not read a secret that ${containing} refers to`, {
      details: { path: root.path, capability: 'read', request: this.#call.request },
      hint: askOwner(this.#call.request),
    });
  }
}

function requireWithin(
  root: Place,
  { depth, references, size }: Omit<Expanded, 'bytes'> & { readonly size: number },
): void {
  if (depth > DEPTH_MAX) throw limit(root, `go more than ${DEPTH_MAX} deep`);
  if (references > REFERENCES_MAX) throw limit(root, `are more than ${REFERENCES_MAX}`);
  if (size > VALUE_BYTES_MAX) throw limit(root, 'come to more than 1 MiB');
}

function limit({ path }: Place, what: string): StrongroomError {
  return new StrongroomError('reference_limit', `the references of ${path} ${what}`, {
    details: { path },
    hint: 'refer to fewer secrets, or to them directly',
  });
}

/** Every name on it was read with the caller's rights. */
function cycle({ root, names }: Way, again: string): StrongroomError {
  const chain = [...names.slice(names.indexOf(again)), again];
  return new StrongroomError(
    'reference_cycle',
    `the references of ${root.path} go in a circle: ${chain.join(' → ')}`,
    { details: { path: root.path, chain }, hint: 'give one of them a value of its own' },
  );
}
