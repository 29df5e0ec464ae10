import { join } from 'node:path';

import { commandLine, lastLine } from './tools.ts';

/** What a vault gave before it was served. */
export interface VaultOfUsers {
  /** Of the system user, for an hour. */
  readonly token: string;
  /** By name, with what each user chooses a password. */
  readonly invites: Readonly<Record<string, string>>;
}

/** Makes a vault with users below a directory, on this machine, where nobody has to prove who they are. */
export function makeVaultOfUsers(directory: string, names: readonly string[]): VaultOfUsers {
  const { strongroom } = commandLine(directory);
  const at = ['--path', join(directory, 'vault')];
  const said = (...args: readonly string[]): string => {
    const ran = strongroom([...args, ...at]);
    if (!ran.ok) throw new Error(`${args.join(' ')}: ${lastLine(ran)}`);
    return ran.stdout.trim();
  };
  said('init', '--yes');
  const invites = names.map((name) => {
    said('user', 'create', name);
    return [name, said('user', 'invite', name)] as const;
  });
  return { token: said('token', 'create', '--ttl', '1h'), invites: Object.fromEntries(invites) };
}
