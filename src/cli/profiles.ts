import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { StrongroomError } from '../errors.ts';
import { utf8Decode } from '../lib/bytes.ts';
import { readRegularFile } from '../lib/regular-file.ts';
import { configDirectory } from '../seal/locations.ts';
import { createPrivateDirectory, writePrivateFile } from '../store/private-files.ts';

/** A server that was signed in to. */
export interface Profile {
  readonly address: string;
  /** Who signed in. */
  readonly user?: string | undefined;
}

/** Every server that was signed in to, and the one that is used where none is named. */
export interface Profiles {
  readonly current?: string | undefined;
  readonly profiles: Readonly<Record<string, Profile>>;
}

const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const FILE = 'profiles.json';

/** The directory of what belongs to servers, for this user alone. */
export function clientDirectory(): string {
  return join(configDirectory(), 'strongroom', 'client');
}

/**
 * The profiles of this user.
 *
 * @throws {@link StrongroomError} `invalid_input` if the file is not one of them.
 */
export function readProfiles(): Profiles {
  const path = join(clientDirectory(), FILE);
  if (!existsSync(path)) return { profiles: {} };
  try {
    const { current, profiles } = JSON.parse(utf8Decode(readRegularFile(path))) as {
      readonly current?: unknown;
      readonly profiles?: unknown;
    };
    if (isProfiles(profiles) && (current === undefined || typeof current === 'string')) {
      return { profiles, ...(current === undefined ? {} : { current }) };
    }
  } catch {
    // It is told like any other that is no file of profiles.
  }
  throw new StrongroomError('invalid_input', `${path} is not a file of profiles`, {
    hint: 'remove it, and sign in again with `strongroom login`',
  });
}

/** Keeps the profiles. */
export function writeProfiles(profiles: Profiles): void {
  const path = join(clientDirectory(), FILE);
  createPrivateDirectory(dirname(path));
  writePrivateFile(path, `${JSON.stringify(profiles, undefined, 2)}\n`);
}

/** Whether a text can name a profile: it becomes part of a path. */
export function isProfileName(text: string): boolean {
  return NAME.test(text);
}

/** Whether two addresses are of one server, however they are written: `https://a` and `HTTPS://A:443/`. */
export function isSameServer(one: string, other: string): boolean {
  return oneForm(one) === oneForm(other);
}

/** What is no address is said to be none when it is called. */
function oneForm(address: string): string {
  if (!URL.canParse(address)) return address;
  const { origin, pathname } = new URL(address);
  return origin + pathname.replace(/\/$/, '');
}

function isProfiles(value: unknown): value is Profiles['profiles'] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(
    ([name, profile]) =>
      isProfileName(name) &&
      typeof (profile as { readonly address?: unknown } | null)?.address === 'string',
  );
}
