import { StrongroomError } from '../errors.ts';

/** What a reference names. Which of it is an environment depends on what environments there are. */
export interface Reference {
  /** Name of another workspace. Default: that of the secret that has the reference. */
  readonly workspace: string | undefined;
  /** At least one. The first is an environment if there is one of that name and more follow; or else all are the path. */
  readonly segments: readonly string[];
  /** A field of the secret. */
  readonly field: string | undefined;
}

/** A piece of a value that has references: what stands there, or a reference in its place. */
export type TemplatePart =
  | { readonly kind: 'text'; readonly bytes: Uint8Array }
  | { readonly kind: 'reference'; readonly reference: Reference };

const DOLLAR = 0x24;
const OPEN = 0x7b;
const CLOSE = 0x7d;

const WORKSPACE = /^[a-z0-9][a-z0-9-]{0,62}$/;
const SEGMENT = /^(?!\.{1,2}$)[A-Za-z0-9._-]+$/;
const FIELD = /^[A-Za-z0-9._-]{1,128}$/;
/** Those of a path, and an environment before them. */
const SEGMENTS_MAX = 17;
const PLACE_MAX = 64 + 255;
const REFERENCE_MAX = 64 + PLACE_MAX + 1 + 128;

/**
 * Takes a value apart into text and references. `${db/PASSWORD}` is a
 * reference; before `{`, `$$` stands for one `$`, so `$${` is `${` as it stands.
 *
 * @param bytes - UTF-8. Parts of text are views of it.
 * @param field - The field that it is the value of, to be named in errors.
 * @throws {@link StrongroomError} `invalid_reference` with `position`, counted in characters from 1.
 */
export function parseTemplate(bytes: Uint8Array, field: string = ''): readonly TemplatePart[] {
  const parts: TemplatePart[] = [];
  const addText = (from: number, to: number): void => {
    if (to > from) parts.push({ kind: 'text', bytes: bytes.subarray(from, to) });
  };
  let start = 0;
  for (let at = bytes.indexOf(OPEN); at !== -1; at = bytes.indexOf(OPEN, at + 1)) {
    const dollars = dollarsBefore(bytes, start, at);
    if (dollars === 0) continue;
    addText(start, at - dollars + Math.floor(dollars / 2));
    start = at;
    if (dollars % 2 === 0) continue;
    const end = bytes.indexOf(CLOSE, at + 1);
    const reference = end === -1 ? 'is not closed with }' : readReference(bytes, at + 1, end);
    if (typeof reference === 'string') {
      throw invalidReference(reference, positionOf(bytes, at - 1), field);
    }
    parts.push({ kind: 'reference', reference });
    start = end + 1;
    at = end;
  }
  addText(start, bytes.length);
  return parts;
}

/**
 * Whether a text has something that would be a reference in a value that has
 * references, such as `${HOME}`.
 */
export function looksLikeReference(bytes: Uint8Array): boolean {
  for (let at = bytes.indexOf(OPEN); at !== -1; at = bytes.indexOf(OPEN, at + 1)) {
    if (dollarsBefore(bytes, 0, at) % 2 === 0) continue;
    const length = bytes.subarray(at + 1, at + 2 + REFERENCE_MAX).indexOf(CLOSE);
    if (length === -1) continue;
    if (typeof readReference(bytes, at + 1, at + 1 + length) !== 'string') return true;
  }
  return false;
}

/** Whether a text has `${`, so that it makes a difference whether references are meant. */
export function hasReferenceMark(bytes: Uint8Array): boolean {
  for (let at = bytes.indexOf(OPEN); at !== -1; at = bytes.indexOf(OPEN, at + 1)) {
    if (bytes[at - 1] === DOLLAR) return true;
  }
  return false;
}

function dollarsBefore(bytes: Uint8Array, start: number, at: number): number {
  let count = 0;
  while (at - count > start && bytes[at - count - 1] === DOLLAR) count += 1;
  return count;
}

/** The reference between two offsets, or what is wrong with it. */
function readReference(bytes: Uint8Array, from: number, to: number): Reference | string {
  if (to === from) return 'is empty';
  if (to - from > REFERENCE_MAX) return 'is longer than one can be';
  const text = String.fromCharCode(...bytes.subarray(from, to));
  const [, workspace, place = '', field] = /^(?:([^:]*):)?([^#]*)(?:#(.*))?$/s.exec(text) ?? [];
  if (workspace !== undefined && !WORKSPACE.test(workspace)) return 'names no workspace before :';
  if (field !== undefined && !FIELD.test(field)) return 'names no field after #';
  const segments = place.split('/');
  const isPlace =
    place.length <= PLACE_MAX &&
    segments.length <= SEGMENTS_MAX &&
    segments.every((segment) => SEGMENT.test(segment));
  return isPlace ? { workspace, segments, field } : 'names no secret';
}

/** Where an offset is in characters, from 1. */
function positionOf(bytes: Uint8Array, offset: number): number {
  let characters = 1;
  for (let i = 0; i < offset; i += 1) if (((bytes[i] ?? 0) & 0xc0) !== 0x80) characters += 1;
  return characters;
}

function invalidReference(reason: string, position: number, field: string): StrongroomError {
  const where = field === '' ? '' : ` of field ${field}`;
  return new StrongroomError(
    'invalid_reference',
    `the reference at character ${position}${where} ${reason}`,
    {
      details: field === '' ? { position } : { position, field },
      hint: 'write ${db/PASSWORD}, ${staging/db/HOST} or ${db#password}, and $${ where ${ itself is meant',
    },
  );
}
