import { readdirSync } from 'node:fs';

import { FIRST_ENVIRONMENTS } from '../domain/workspaces/names.ts';
import { shellWord } from '../lib/shell-word.ts';

/** A file beside `.env`, and the environment it seems to be meant for. */
export interface EnvironmentFile {
  readonly file: string;
  /** `undefined` if the name tells nothing that a new vault has. */
  readonly environment: string | undefined;
}

/** Suffixes of files that hold no values of anybody's, or are no `.env` files. */
const NO_VALUES =
  /^(example|sample|template|tmpl|tpl|dist|defaults?|schema|vault|keys|me|project|bak|backup|old|orig|swp|enc|gpg|age)$/;

const ALIASES: ReadonlyMap<string, string> = new Map([
  ['dev', 'development'],
  ['local', 'development'],
  ['stage', 'staging'],
  ['stg', 'staging'],
  ['prod', 'production'],
  ['live', 'production'],
  ['test', 'testing'],
  ['ci', 'testing'],
]);

/** The `.env.*` files of a directory that look as if they held values. */
export function findEnvironmentFiles(directory: string): EnvironmentFile[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map(({ name }) => name)
    .toSorted()
    .flatMap((file) => {
      const words = /^\.env\.(.+)$/.exec(file)?.[1]?.toLowerCase().split('.');
      if (words === undefined || words.some((word) => NO_VALUES.test(word))) return [];
      return [{ file, environment: environmentOf(words) }];
    });
}

/** `.env.production.local` is production's. */
function environmentOf(words: readonly string[]): string | undefined {
  const [first = ''] = words;
  const name = ALIASES.get(first) ?? first;
  return FIRST_ENVIRONMENTS.includes(name) ? name : undefined;
}

/**
 * The command that imports such a file.
 *
 * @param opening - More options, with a space in front.
 */
export function importCommand(
  { file, environment }: EnvironmentFile,
  opening: string = '',
): string {
  return `strongroom import ${shellWord(file)} -e ${environment ?? '<environment>'}${opening}`;
}
