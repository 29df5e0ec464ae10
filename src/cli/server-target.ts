import { StrongroomError } from '../errors.ts';
import { locateVault, type Setting } from './project.ts';
import { isSameServer, readProfiles, type Profiles } from './profiles.ts';

/** A server that commands are carried out on, and where that is settled. */
export interface ServerTarget extends Setting {
  /** The profile whose session is used, if it is one that was signed in to. */
  readonly profile: string | undefined;
}

/** Options that say where a vault is. */
export interface TargetOptions {
  readonly path?: string;
  readonly address?: string;
  readonly profile?: string;
}

/**
 * The server to use, or `undefined` for a vault of this machine. `--address`
 * and `--profile` count before `--path`, `STRONGROOM_PATH` before
 * `STRONGROOM_ADDR`, and a vault of this project before the profile that
 * `login` left.
 *
 * @throws {@link StrongroomError} `usage` for a profile that there is not.
 */
export function locateServer({ address, profile, path }: TargetOptions): ServerTarget | undefined {
  const known = readProfiles();
  if (address !== undefined) return at(address, '--address', known);
  if (profile !== undefined) return ofProfile(profile, '--profile', known);
  if (path !== undefined || variable('STRONGROOM_PATH') !== '') return undefined;
  const named = variable('STRONGROOM_ADDR');
  if (named !== '') return at(named, 'STRONGROOM_ADDR', known);
  const { current } = known;
  if (current === undefined || locateVault(undefined) !== undefined) return undefined;
  return ofProfile(current, 'the last login', known);
}

function at(address: string, source: string, { current, profiles }: Profiles): ServerTarget {
  const matching = Object.keys(profiles).filter((name) =>
    isSameServer(profiles[name]?.address ?? '', address),
  );
  const profile = matching.find((name) => name === current) ?? matching[0];
  return { value: address, source, profile };
}

function ofProfile(name: string, source: string, { profiles }: Profiles): ServerTarget {
  const profile = Object.hasOwn(profiles, name) ? profiles[name] : undefined;
  if (profile === undefined) {
    const others = Object.keys(profiles).toSorted().join(', ');
    const known = others === '' ? '' : `there are ${others}; or `;
    throw new StrongroomError('usage', `there is no profile ${name}`, {
      hint: `${known}make it with \`strongroom login ADDRESS --profile NAME\``,
    });
  }
  return { value: profile.address, source, profile: name };
}

function variable(name: string): string {
  return process.env[name] ?? '';
}
