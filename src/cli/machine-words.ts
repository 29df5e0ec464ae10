import type { Command } from 'commander';

import type { MethodSummary } from '../core/operations/method-view.ts';
import type { TokenSummary } from '../core/operations/token-view.ts';
import type { MethodKind } from '../domain/identities/method-config.ts';
import type { Session } from '../core/session.ts';
import type { SecretValue } from '../secret-value.ts';
import { capabilitiesOf } from './access-words.ts';
import { everyPage } from './page-bound.ts';
import { plainText } from './plain-value.ts';
import { splitNames } from './split-names.ts';
import { cutLines, formatTable } from './table.ts';
import type { Terminal } from './terminal.ts';
import type { GlobalOptions } from './vault-access.ts';

/** Options that narrow what is given out. */
export interface LimitOptions extends GlobalOptions {
  readonly can?: string;
  readonly cidr?: readonly string[];
  readonly sessionTtl?: string;
}

/** Adds `--can` and `--cidr`. */
export function addLimitOptions(command: Command): Command {
  return command
    .option('--can <capabilities>', 'only these: list, read, write, delete, rotate, admin')
    .option('--cidr <networks>', 'only from these networks, such as 10.0.0.0/8', splitNames);
}

/** Adds `--can`, `--cidr` and `--session-ttl`. */
export function addSessionOptions(command: Command): Command {
  return addLimitOptions(command).option(
    '--session-ttl <duration>',
    'how long a session lives, such as 15m (default 1h)',
  );
}

/** What the options of {@link addSessionOptions} say. */
export function limitsOf({ can, cidr, sessionTtl }: LimitOptions): {
  readonly can: ReturnType<typeof capabilitiesOf> | undefined;
  readonly cidr: readonly string[] | undefined;
  readonly sessionTtl: string | undefined;
} {
  return { can: can === undefined ? undefined : capabilitiesOf(can), cidr, sessionTtl };
}

/** Prints what is shown once, and then never again. */
export function showOnce(
  terminal: Terminal,
  {
    made,
    name,
    text,
  }: { readonly made: object; readonly name: string; readonly text: SecretValue },
): void {
  try {
    const plain = plainText(text);
    terminal.result({ ...made, [name]: plain }, plain);
  } finally {
    text.wipe();
  }
}

/** Options of commands that list credentials. */
export interface CredentialListOptions extends GlobalOptions {
  readonly all?: boolean;
}

/** Adds `--all`. */
export function addAllOption(command: Command): Command {
  return command.option('--all', 'also those that open nothing any more');
}

/**
 * Prints credentials without what they are used with: those that are good for something or, with `--all`, every one.
 *
 * @param given.none - What is said where there are none.
 */
export function showCredentials(
  terminal: Terminal,
  found: readonly TokenSummary[],
  { all = false, none }: { readonly all?: boolean | undefined; readonly none: string },
): void {
  const tokens = all ? found : found.filter(({ state }) => state === 'active');
  const head = ['kind', 'label', 'can', 'expires', 'uses', ...(all ? ['state'] : []), 'id'];
  const rows = tokens.map((each) => [
    each.kind.replace('_', ' '),
    each.label ?? '',
    each.can === null ? 'all' : each.can.join(','),
    each.expiresAt ?? 'never',
    each.usesLeft === null ? 'any' : String(each.usesLeft),
    ...(all ? [each.state.replace('_', ' ')] : []),
    each.id,
  ]);
  const table = formatTable(head, rows);
  terminal.result({ tokens }, tokens.length === 0 ? '' : cutLines(table, terminal.width));
  const left = found.length - tokens.length;
  if (found.length === 0) terminal.note(none);
  if (left > 0) terminal.note(`left out what opens nothing any more: ${left}; --all shows it too`);
}

/** All ways to sign in of some kinds. */
export async function allMethods(
  session: Session,
  kinds: readonly MethodKind[],
): Promise<readonly MethodSummary[]> {
  const methods = await everyPage(async (cursor) => {
    const { methods: items, next } = await session.methods.list({ limit: 1000, cursor });
    return { items, next };
  });
  return methods.filter(({ kind }) => kinds.includes(kind));
}

/** Adds `disable`, `enable` and `remove` to the commands on ways to sign in. */
export function addMethodCommands(
  group: Command,
  given: {
    readonly word: string;
    readonly change: (
      verb: 'disable' | 'enable' | 'remove',
      name: string,
      command: Command,
    ) => Promise<MethodSummary>;
    readonly terminal: Terminal;
    readonly adjust?: (command: Command) => Command;
  },
): void {
  const { word, change, terminal, adjust = (command: Command): Command => command } = given;
  const verbs = {
    disable: ['let nobody sign in by it, and end what it gave', 'opens nothing any more'],
    enable: ['let machines sign in by it again', 'is taken again'],
    remove: ['take it away for good, and end what it gave', 'is gone, and what it gave is void'],
  } as const;
  for (const [verb, [description, done]] of Object.entries(verbs)) {
    const command = group.command(verb).description(description).argument('<name>', 'its name');
    adjust(command).action(async (name: string, _: object, command: Command) => {
      const changed = await change(verb as keyof typeof verbs, name, command);
      terminal.result(changed, '');
      if (!terminal.isJson) terminal.note(`${word} ${name} ${done}`);
    });
  }
}
