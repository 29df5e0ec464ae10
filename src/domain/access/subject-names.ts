import { StrongroomError } from '../../errors.ts';
import { isUuid } from '../../lib/ids.ts';

/** What can be given a name. */
export type NamedKind = 'user' | 'machine' | 'group' | 'role';

const PRINCIPAL_NAME = /^[\p{L}\p{N}][\p{L}\p{N}._@+-]{0,127}$/u;
const SET_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const RESERVED: ReadonlySet<string> = new Set(['root', 'system', 'sys']);

/** Spaces, and characters that are not to be seen. */
const UNSEEN = /[\s\p{Cf}\p{Cc}\p{Z}]/gu;

/**
 * Checks a name for somebody or something new. No name means more than
 * another, so those that do elsewhere are refused in whatever way they are written.
 *
 * @throws {@link StrongroomError} `reserved_name`, `invalid_name`.
 */
export function requireSubjectName(kind: NamedKind, name: string): void {
  const seen = name.normalize('NFKC').replaceAll(UNSEEN, '').toLowerCase();
  if (RESERVED.has(seen)) {
    throw new StrongroomError('reserved_name', 'the names root, system and sys are reserved', {
      hint: 'choose another name; owners of the vault have the role owner',
    });
  }
  const isPrincipal = kind === 'user' || kind === 'machine';
  if (!(isPrincipal ? PRINCIPAL_NAME : SET_NAME).test(name) || isUuid(name.toLowerCase())) {
    throw new StrongroomError(
      'invalid_name',
      isPrincipal
        ? `a name of a ${kind} has up to 128 letters, digits and ._@+-, and begins with a letter or digit`
        : `a name of a ${kind} has up to 63 letters of a to z, digits and ._-, and begins with a letter or digit`,
    );
  }
  if (name !== name.normalize('NFKC')) {
    throw new StrongroomError('invalid_name', 'a name is written with plain letters (NFKC)');
  }
}

/** A name in the form in which two are held against each other: the one for all that compares names. */
export function foldName(name: string): string {
  const seen = name.normalize('NFKC').replaceAll(UNSEEN, '');
  return seen.toLowerCase().normalize('NFKC');
}

/** There is one of that name, or one that reads the same. */
export function subjectExists(kind: string, name: string): StrongroomError {
  return new StrongroomError('subject_exists', `there is ${kind}:${name} already`, {
    details: { subject: `${kind}:${name}` },
    hint: 'choose another name',
  });
}
