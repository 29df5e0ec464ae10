import { StrongroomError } from '../../errors.ts';

const PATH_MAX = 255;
const SEGMENTS_MAX = 16;
const SEGMENT = /^[A-Za-z0-9._-]+$/;

/**
 * Why a text is not the path of a secret: `invalid_name`, or `undefined` if it
 * is one. What does not fit is refused, never changed to fit, and not quoted:
 * it may be a value in the wrong place.
 */
export function pathFault(path: string): StrongroomError | undefined {
  const broken = brokenRule(path);
  if (broken === undefined) return undefined;
  return new StrongroomError('invalid_name', broken, {
    hint: 'use a path such as payments/STRIPE_KEY',
  });
}

function brokenRule(path: string): string | undefined {
  if (path.length === 0) return 'a path is not empty';
  if (path.length > PATH_MAX) return `a path has at most ${PATH_MAX} characters`;
  const segments = path.split('/');
  if (segments.length > SEGMENTS_MAX) return `a path has at most ${SEGMENTS_MAX} segments`;
  for (const segment of segments) {
    if (segment === '') return 'a path has no empty segment';
    if (segment === '.' || segment === '..') return 'a path has no segment . or ..';
    if (!SEGMENT.test(segment)) return 'a path has letters, digits and ._- in its segments only';
  }
  return undefined;
}
