import type { Command } from 'commander';

import type { SecretDescription } from '../../core/operations/describe-secret.ts';
import { formatAge } from '../age.ts';
import { environmentOption } from '../option-values.ts';
import { withSuggestion } from '../suggest.ts';
import { formatFacts } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { environmentOf, withSession, type GlobalOptions } from '../vault-access.ts';

interface DescribeOptions extends GlobalOptions {
  readonly environment?: string;
}

/** `strongroom describe NAME`: all that is known of a secret but its value. */
export function registerDescribe(program: Command, terminal: Terminal): void {
  const command = program
    .command('describe')
    .description('say everything about a secret but its value')
    .argument('<secret>', 'its name')
    .addOption(environmentOption())
    .action(async (path: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<DescribeOptions>();
      const environment = environmentOf(options.environment, options, terminal);
      const { workspace } = options;
      const described = await withSession(options, terminal, (session) =>
        withSuggestion(session, { workspace, environment, path }, () =>
          session.secrets.describe({ workspace, environment, path }),
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
    description: secret.description,
    tags: secret.tags.length === 0 ? undefined : secret.tags.join(', '),
    created: exactly(secret.createdAt, secret.createdByName),
    updated: exactly(secret.updatedAt, secret.updatedByName),
    expires:
      secret.expiresAt === null
        ? 'never'
        : `${secret.expiresAt}${secret.isExpired ? ' (expired)' : ''}`,
    id: secret.id,
  });
}
