import { StrongroomError } from '../errors.ts';
import { readProfiles } from './profiles.ts';
import type { ServerTarget, TargetOptions } from './server-target.ts';

/**
 * What a command failed with that may not do what was asked: which profile that was, where none was named.
 */
export function withProfileHint(
  error: unknown,
  { value: address, profile }: ServerTarget,
  named: TargetOptions,
): unknown {
  if (!(error instanceof StrongroomError) || error.code !== 'denied') return error;
  const isOther = (process.env['STRONGROOM_TOKEN'] ?? '') !== '' || profile === undefined;
  if (isOther || (named.address ?? named.profile) !== undefined) return error;
  const { user } = readProfiles().profiles[profile] ?? {};
  const whose = `this is the profile ${profile}${user === undefined ? '' : `, ${user}`} at ${address}`;
  const { code, message, details, hint } = error;
  const said = hint === undefined ? whose : `${hint}; ${whose}`;
  return new StrongroomError(code, message, { details, hint: said, cause: error });
}
