import type { FirstSlot } from '../core/init-vault.ts';
import { changesHowProgramsRun } from '../formats/unsafe-names.ts';
import { shellWord } from '../lib/shell-word.ts';
import { settledEnvironment } from './vault-access.ts';

/** How a vault was made, as far as later commands must say it again. */
export interface MadeWith {
  readonly path?: string;
  readonly keyFile?: string;
  readonly passphraseFile?: string;
  readonly principal?: string;
  readonly slots: readonly FirstSlot[];
  readonly shareFiles: readonly string[] | undefined;
}

/** The options that every later command needs, such as ` --path vault`, with a space in front of each. */
export function openingOptions(made: MadeWith): string {
  const { path, principal } = made;
  const options = [
    ...(path === undefined ? [] : ['--path', path]),
    ...(principal === undefined ? [] : ['--principal', principal]),
    ...keyOptions(made),
  ];
  return options.map((each) => ` ${/^<.*>$/.test(each) ? each : shellWord(each)}`).join('');
}

/** ` -e staging`, unless commands take that environment without being told. */
export function environmentIfNeeded(environment: string, directory: string): string {
  const settled = settledEnvironment(undefined, { path: directory });
  return settled.value === environment ? '' : ` -e ${environment}`;
}

/** ` --allow-env NODE_OPTIONS` for each secret whose name needs it. */
export function allowances(paths: readonly string[]): string {
  return paths
    .map((path) => path.slice(path.lastIndexOf('/') + 1))
    .filter(changesHowProgramsRun)
    .map((name) => ` --allow-env ${shellWord(name)}`)
    .join('');
}

/** The first that serves: a key file in its usual place and a key in a variable are found unasked. */
function keyOptions({ slots, keyFile, passphraseFile, shareFiles }: MadeWith): readonly string[] {
  if (keyFile !== undefined) return ['--key-file', keyFile];
  const kinds = new Set(slots.map(({ kind }) => kind));
  if (kinds.has('keyfile') || kinds.has('env')) return [];
  if (kinds.has('passphrase')) return ['--passphrase-file', passphraseFile ?? '-'];
  for (const slot of slots) {
    if (slot.kind !== 'shamir') continue;
    const needed = Array.from({ length: slot.threshold }, (_, at) => shareFiles?.[at] ?? '<file>');
    return needed.flatMap((file) => ['--share-file', file]);
  }
  return [];
}
