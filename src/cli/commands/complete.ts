import type { Command } from 'commander';

import type { Session } from '../../core/session.ts';
import type { Terminal } from '../terminal.ts';
import { settledEnvironment, withSession, type GlobalOptions } from '../vault-access.ts';

/** A person waits, and another program may have the vault. */
const TIME_MAX_MS = 2000;
const LOCK_WAIT_MS = 200;
const NAMES_MAX = 1000;

/**
 * `strongroom __complete KIND PREFIX WORDS…`, which completion scripts call:
 * names that begin with a prefix, one a line. It asks nothing, fails silently,
 * and gives up in time. A kill at any moment harms no vault, so leaving early
 * does not either.
 */
export function registerComplete(program: Command, terminal: Terminal): void {
  program
    .command('__complete', { hidden: true })
    .argument('<kind>')
    .argument('[prefix]')
    .argument('[words...]', 'the command line up to there')
    .passThroughOptions()
    .allowUnknownOption()
    .action(async (kind: string, typed: string = '', words: readonly string[] = []) => {
      // fish gives --option=value as one word.
      const prefix = typed.replace(/^--[a-z-]+=/, '');
      const timer = setTimeout(() => process.exit(0), TIME_MAX_MS);
      try {
        const options = optionsIn(words);
        const named = valueOf(words, '-e', '--environment');
        const names = await withSession(
          options,
          terminal,
          (session) =>
            kind === 'environments'
              ? environments(session, options)
              : secrets(session, prefix, {
                  ...options,
                  environment: isAcross(words)
                    ? undefined
                    : settledEnvironment(named, options).value,
                }),
          { waitMs: LOCK_WAIT_MS, isQuiet: true },
        );
        const fitting = names.filter((name) => name.startsWith(prefix));
        if (fitting.length > 0) terminal.write(`${fitting.join('\n')}\n`);
      } catch {
        // Whoever pressed a key wants no message.
      } finally {
        clearTimeout(timer);
      }
    });
}

async function environments(
  session: Session,
  { workspace }: GlobalOptions,
): Promise<readonly string[]> {
  return (await session.environments.list({ workspace })).map(({ name }) => name);
}

async function secrets(
  session: Session,
  prefix: string,
  { workspace, environment }: GlobalOptions & { readonly environment: string | undefined },
): Promise<readonly string[]> {
  const listed = await session.secrets.list({ workspace, environment, prefix, limit: NAMES_MAX });
  return [...new Set(listed.secrets.map(({ path }) => path))];
}

/** These commands look at all environments unless one is named. */
function isAcross(words: readonly string[]): boolean {
  const isWide = words.includes('history') || words.includes('audit');
  return isWide && valueOf(words, '-e', '--environment') === undefined;
}

function optionsIn(words: readonly string[]): GlobalOptions {
  const path = valueOf(words, undefined, '--path');
  const workspace = valueOf(words, '-w', '--workspace') ?? process.env['STRONGROOM_WORKSPACE'];
  const principal = valueOf(words, undefined, '--principal');
  const keyFile = valueOf(words, undefined, '--key-file');
  const address = valueOf(words, undefined, '--address');
  const profile = valueOf(words, undefined, '--profile');
  return {
    ...(path === undefined ? {} : { path }),
    ...(address === undefined ? {} : { address }),
    ...(profile === undefined ? {} : { profile }),
    ...(workspace === undefined || workspace === '' ? {} : { workspace }),
    ...(principal === undefined ? {} : { principal }),
    ...(keyFile === undefined ? {} : { keyFile }),
  };
}

/** The value of an option on a command line; bash gives `--option=value` as three words. */
function valueOf(
  words: readonly string[],
  short: string | undefined,
  long: string,
): string | undefined {
  for (const [index, word] of words.entries()) {
    if (word.startsWith(`${long}=`)) return word.slice(long.length + 1);
    if (word !== long && word !== short) continue;
    const next = words[index + 1];
    return next === '=' ? words[index + 2] : next;
  }
  return undefined;
}
