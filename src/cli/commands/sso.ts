import type { Command } from 'commander';

import type { GroupMapping, SsoRulesInput } from '../../core/operations/sso-methods.ts';
import { StrongroomError } from '../../errors.ts';
import { addMethodCommands, allMethods } from '../machine-words.ts';
import { readOrAsk } from '../read-secret.ts';
import { splitNames } from '../split-names.ts';
import { cutLines, formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';

interface SsoOptions extends GlobalOptions {
  readonly issuer?: string;
  readonly clientId?: string;
  readonly clientSecretFile?: string;
  readonly scope?: readonly string[];
  readonly algorithm?: readonly string[];
  readonly nameClaim?: string;
  readonly groupClaim?: string;
  readonly group?: readonly string[];
  readonly mfaAmr?: readonly string[];
  readonly mfaAcr?: readonly string[];
  readonly createUsers?: boolean;
  readonly sessionTtl?: string;
}

/** `strongroom sso …`: people who sign in by way of a provider. */
export function registerSso(program: Command, terminal: Terminal): void {
  const group = program
    .command('sso')
    .description('providers by way of which people sign in (OpenID Connect)');
  registerCreate(group, terminal);
  registerUpdate(group, terminal);
  registerList(group, terminal);
  registerLink(group, terminal);
  addMethodCommands(group, {
    word: 'the provider',
    terminal,
    change: (verb, name, command) =>
      withSession(command.optsWithGlobals<GlobalOptions>(), terminal, (session) =>
        session.methods[verb]({ kind: 'oidc', name }),
      ),
  });
}

function registerCreate(group: Command, terminal: Terminal): void {
  const command = addRules(
    group
      .command('create')
      .description('let people sign in by way of a provider')
      .argument('<name>', 'as they name it where they sign in')
      .requiredOption('--issuer <address>', 'the provider, as its tokens name it')
      .requiredOption('--client-id <id>', 'how the provider knows this vault'),
  ).action(async (name: string, _: object, command: Command) => {
    const options = command.optsWithGlobals<SsoOptions>();
    const { issuer = '', clientId = '' } = options;
    const made = await withRules(options, terminal, (rules) =>
      withSession(options, terminal, (session) =>
        session.sso.create({ name, issuer, clientId, ...rules }),
      ),
    );
    terminal.result(made, '');
    if (terminal.isJson) return;
    terminal.note(`people sign in with \`strongroom login --sso ${made.name}\``);
    terminal.note('the provider has to know http://127.0.0.1/callback, with any port');
  });
  addExamples(
    command,
    'strongroom sso create corp --issuer https://idp.example --client-id strongroom --create-users',
    'strongroom sso create corp --issuer https://idp.example --client-id vault --group Ops=ops',
  );
}

function registerUpdate(group: Command, terminal: Terminal): void {
  const command = addRules(
    group
      .command('update')
      .description('set a provider up anew; what is not named stays as it is')
      .argument('<name>', 'its name'),
  )
    .option('--no-create-users', 'nobody becomes a user by signing in any more')
    .action(async (name: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<SsoOptions>();
      const changed = await withRules(options, terminal, (rules) =>
        withSession(options, terminal, (session) => session.sso.update({ name, ...rules })),
      );
      terminal.result(changed, '');
      if (!terminal.isJson) terminal.note(`the provider ${name} is set up anew`);
    });
  addExamples(command, 'strongroom sso update corp --group Ops=ops --group Audit=auditors');
}

function registerList(group: Command, terminal: Terminal): void {
  group
    .command('list')
    .alias('ls')
    .description('list providers')
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const providers = await withSession(options, terminal, (session) =>
        allMethods(session, ['oidc']),
      );
      const rows = providers.map(({ name, disabledAt, config }) => [
        name,
        disabledAt === null ? 'active' : 'disabled',
        String(config['issuer']),
        config['creates_users'] === true ? 'becomes a user' : 'is refused',
      ]);
      const table = formatTable(['provider', 'state', 'issuer', 'who is not known'], rows);
      const isNone = providers.length === 0;
      terminal.result({ providers }, isNone ? '' : cutLines(table, terminal.width));
      if (isNone && !terminal.isJson) terminal.note('no providers');
    });
}

function registerLink(group: Command, terminal: Terminal): void {
  const command = group
    .command('link')
    .description('link your user with your account of a provider')
    .argument('<name>', 'the provider')
    .action(async (name: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const { linkSso } = await import('../sso-sign-in.ts');
      const { withProvenSession } = await import('../prove-again.ts');
      const linked = await withProvenSession(options, terminal, (session) =>
        linkSso(session, terminal, name),
      );
      terminal.result(linked, '');
      if (!terminal.isJson) terminal.note(`you can sign in by ${name} from now on`);
    });
  addExamples(command, 'strongroom sso link corp');
}

function addRules(command: Command): Command {
  return command
    .option('--client-secret-file <file>', 'what it proves itself with (- asks for it)')
    .option('--scope <names>', 'what is asked for (default: profile, email)', splitNames)
    .option('--algorithm <names>', 'of signatures (default: RS256, ES256)', splitNames)
    .option('--name-claim <name>', 'what names a new user (default: preferred_username)')
    .option('--group-claim <name>', 'what lists groups (default: groups)')
    .option('--group <value=group>', 'whoever has the value is in the group; repeatable', gather)
    .option('--mfa-amr <values>', 'each says that a second factor was given', splitNames)
    .option('--mfa-acr <values>', 'are asked for, and say the same', splitNames)
    .option('--create-users', 'whoever is not known yet becomes a user')
    .option('--session-ttl <duration>', 'how long a session lives at most, such as 8h');
}

/** What the options of {@link addRules} say, with the client's secret for as long as it takes. */
async function withRules<T>(
  options: SsoOptions,
  terminal: Terminal,
  work: (rules: SsoRulesInput) => Promise<T>,
): Promise<T> {
  const { clientSecretFile: file } = options;
  using clientSecret =
    file === undefined ? undefined : await readOrAsk(file, 'Secret of the client', terminal);
  return await work({
    clientSecret,
    scopes: options.scope,
    algorithms: options.algorithm as SsoRulesInput['algorithms'],
    nameClaim: options.nameClaim,
    groupClaim: options.groupClaim,
    groups: options.group?.map((each) => mappingOf(each, options.workspace)),
    mfaAmr: options.mfaAmr,
    mfaAcr: options.mfaAcr,
    createsUsers: options.createUsers,
    sessionTtl: options.sessionTtl,
  });
}

/** A group of the whole vault, or of the workspace that is named. */
function mappingOf(text: string, workspace: string | undefined): GroupMapping {
  const at = text.lastIndexOf('=');
  if (at > 0) return { value: text.slice(0, at), group: text.slice(at + 1), workspace };
  throw new StrongroomError('usage', '--group takes a value and a group, joined with =', {
    hint: 'as in --group "Ops Team=ops"',
  });
}

function gather(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}
