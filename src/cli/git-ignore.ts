import { spawnSync } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';

import { readRegularFile } from '../lib/regular-file.ts';

const FILE = '.gitignore';
const GIT_MS = 2_000;

/** A line that must be there, and others that do the same or more. */
interface Rule {
  readonly line: string;
  readonly also: RegExp;
}

/** Ordered: a line that takes back must come after the one it takes from. */
const DOTENV_RULES: readonly Rule[] = [
  { line: '.env', also: /^(\*\*\/|\/)?\.env\*?$/ },
  { line: '.env.*', also: /^(\*\*\/|\/)?\.env(\.\*|\*)$/ },
  { line: '!.env.example', also: /^!(\*\*\/|\/)?\.env(\.\*)?\.example$/ },
];

/**
 * Adds to `.gitignore` what must not be committed, if the directory belongs to
 * a git work tree or has that file already. What is there stays as it is.
 *
 * @param directory - The project's.
 * @param vault - The vault's directory.
 * @returns The lines that were added; `undefined` if there is no git here.
 * @throws Error of the file system.
 */
export function ignoreInGit(directory: string, vault: string): readonly string[] | undefined {
  const path = join(directory, FILE);
  if (!existsSync(path) && !isInWorkTree(directory)) return undefined;
  // Bytes as Latin-1, so that whatever the file holds is left alone.
  const text = existsSync(path) ? Buffer.from(readRegularFile(path)).toString('latin1') : '';
  const present = text.split(/\r\n|\n/).map((line) => line.trimEnd());
  const missing = [...vaultRules(directory, vault), ...DOTENV_RULES]
    .filter(({ line, also }) => !present.some((each) => each === line || also.test(each)))
    .map(({ line }) => line);
  if (missing.length === 0) return [];
  const lineEnd = /\r\n/.test(text) ? '\r\n' : '\n';
  const gap = text === '' || text.endsWith('\n') ? '' : lineEnd;
  append(path, gap + missing.map((line) => line + lineEnd).join(''));
  return missing;
}

/** Whether git tracks a file of a directory. Without git, or without an answer soon, it does not. */
export function isTrackedByGit(directory: string, file: string): boolean {
  if (!isInWorkTree(directory)) return false;
  // A repository's own settings start no program.
  const args = ['-c', 'core.fsmonitor=false', 'ls-files', '--error-unmatch', '--', file];
  const options = { cwd: directory, stdio: 'ignore', timeout: GIT_MS } as const;
  return spawnSync('git', args, options).status === 0;
}

/** One write to the end of the file; a link is not followed out of the project. */
function append(path: string, text: string): void {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants;
  const file = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o644);
  try {
    writeFileSync(file, text);
  } finally {
    closeSync(file);
  }
}

/** A vault outside the project is none of its `.gitignore`'s business. */
function vaultRules(directory: string, vault: string): Rule[] {
  const inside = relative(directory, vault).split(sep).join('/');
  if (
    inside === '' ||
    inside.startsWith('../') ||
    inside === '..' ||
    /^([A-Z]:|\/)/i.test(inside)
  ) {
    return [];
  }
  const literal = inside.replaceAll(/[\\*?[\] !#]/g, (character) => `\\${character}`);
  const pattern = literal.replaceAll(/[.*+?^${}()|[\]\\]/g, (character) => `\\${character}`);
  return [{ line: `${literal}/`, also: new RegExp(`^(\\*\\*/|/)?${pattern}/?$`) }];
}

function isInWorkTree(directory: string): boolean {
  for (let at = directory; ; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) return true;
    if (dirname(at) === at) return false;
  }
}
