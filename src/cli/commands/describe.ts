import type { Command } from 'commander';

import type { SecretDescription } from '../../core/operations/describe-secret.ts';
import { formatAge } from '../age.ts';
import { environmentOption } from '../option-values.ts';
import { pastMoment } from '../past-moment.ts';
import { withSuggestion } from '../suggest.ts';
import { formatFacts } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { environmentOf, withSession, type GlobalOptions } from '../vault-access.ts';

interface DescribeOptions extends GlobalOptions {
  readonly environment?: string;
  readonly at?: string;
}

/** `strongroom describe NAME`: all that is known of a secret but its value. */
export function registerDescribe(program: Command, terminal: Terminal): void {
  const command = program
    .command('describe')
    .description('say everything about a secret but its value')
    .argument('<secret>', 'its name')
    .addOption(environmentOption())
    .option('--at <time>', 'how it was then, such as yesterday', pastMoment('--at'))
    .action(async (path: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<DescribeOptions>();
      const environment = environmentOf(options.environment, options, terminal);
      const { workspace, at } = options;
      const described = await withSession(options, terminal, (session) =>
        withSuggestion(session, { workspace, environment, path }, () =>
          session.secrets.describe({ workspace, environment, path, at }),
        ),
      );
      terminal.result(described, facts(described));
    });
  addExamples(command, 'strongroom describe STRIPE_KEY -e production');
}

function facts(secret: SecretDescription): string {
  const now = Date.now();
  const exactly = (time: string, who: string): string =>
    `${formatAge(time, now)} by ${who} (${time})`;
  return formatFacts({
    name: secret.path,
    environment: secret.environment,
    workspace: secret.workspace,
    type: secret.type,
    version: String(secret.version),
    state: secret.isActive ? undefined : `inactive since ${secret.inactiveAt ?? ''}`,
    description: secret.description,
    usage: secret.usage,
    owner: secret.ownerName ?? undefined,
    tags: secret.tags.length === 0 ? undefined : secret.tags.join(', '),
    ...metadata(secret),
    created: exactly(secret.createdAt, secret.createdByName),
    updated: exactly(secret.updatedAt, secret.updatedByName),
    expires:
      secret.expiresAt === null
        ? 'never'
        : `${secret.expiresAt}${secret.isExpired ? ' (expired)' : ''}`,
    ...rotation(secret, now),
    id: secret.id,
  });
}

/** Members of the callers' own, under names that nothing else here has. */
function metadata(secret: SecretDescription): Readonly<Record<string, string>> {
  const members = Object.entries(secret.metadata).map(([key, value]) => [
    `meta ${key}`,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  return Object.fromEntries(members) as Readonly<Record<string, string>>;
}

/** When it was and will be rotated, and how; nothing of a secret that never is. */
function rotation(
  secret: SecretDescription,
  now: number,
): Readonly<Record<string, string | undefined>> {
  const due = secret.rotationDueAt;
  const isKnown = secret.rotation !== 'manual' || due !== null;
  return {
    rotation: isKnown ? `${secret.rotation}${due === null ? '' : `, due ${due}`}` : undefined,
    rotated: secret.rotatedAt === null ? undefined : formatAge(secret.rotatedAt, now),
    previous: secret.previousVersion === null ? undefined : `version ${secret.previousVersion}`,
    generator: secret.generator ?? undefined,
  };
}
