import { StrongroomError } from '../../errors.ts';
import { VALUE_BYTES_MAX } from './limits.ts';

/** There is nothing at a path; without an environment, in none of those that were looked at. */
export function secretNotFound(path: string, environment?: string): StrongroomError {
  const place = environment === undefined ? '' : ` in ${environment}`;
  return new StrongroomError('secret_not_found', `there is no secret ${path}${place}`, {
    details: environment === undefined ? { path } : { environment, path },
  });
}

/** The secret at a path is in the trash. */
export function secretDeleted(path: string, environment: string): StrongroomError {
  return new StrongroomError('secret_deleted', `${path} was deleted from ${environment}`, {
    details: { environment, path },
    hint: `restore it with \`strongroom undelete ${path} -e ${environment}\``,
  });
}

/** The secret at a path is not to be given out. */
export function secretInactive(path: string, environment: string): StrongroomError {
  return new StrongroomError('secret_inactive', `${path} in ${environment} is inactive`, {
    details: { environment, path },
    hint: `if it is to be given out again: strongroom update ${path} -e ${environment} --activate`,
  });
}

/** A secret does not have a field of that name. */
export function fieldNotFound(path: string): StrongroomError {
  return new StrongroomError('field_not_found', `${path} has no such field`, { details: { path } });
}

/** A path is taken. */
export function secretExists(
  path: string,
  environment: string,
  options: { readonly hint?: string } = {},
): StrongroomError {
  return new StrongroomError(
    'secret_exists',
    `there is a secret ${path} in ${environment} already`,
    { details: { environment, path }, ...options },
  );
}

/** Somebody else changed the secret first. */
export function casMismatch(current: number, expected: number): StrongroomError {
  return new StrongroomError('cas_mismatch', `the current version is ${current}, not ${expected}`, {
    details: { current, expected },
    hint: 'read it again, then decide',
  });
}

/** A value has more bytes than can be kept. */
export function valueTooLarge(bytes: number, path?: string): StrongroomError {
  const message =
    path === undefined
      ? 'a value has at most 1 MiB (1,048,576 bytes)'
      : `${path} is larger than 1 MiB (1,048,576 bytes)`;
  return new StrongroomError('value_too_large', message, {
    details: { ...(path === undefined ? {} : { path }), bytes, bytesMax: VALUE_BYTES_MAX },
    hint: 'keep large files elsewhere, encrypted under a key that is kept here',
  });
}
