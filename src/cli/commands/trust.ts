import { Option, type Command } from 'commander';

import type { JwtTrust } from '../../core/operations/trust-presets.ts';
import type { Trust } from '../../core/operations/trusts.ts';
import { StrongroomError } from '../../errors.ts';
import { shellWord } from '../../lib/shell-word.ts';
import type { MethodKind } from '../../domain/identities/method-config.ts';
import {
  addMethodCommands,
  addSessionOptions,
  allMethods,
  limitsOf,
  type LimitOptions,
} from '../machine-words.ts';
import { decodeText, readFile } from '../read-text-file.ts';
import { splitNames } from '../split-names.ts';
import { cutLines, formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';

interface TrustOptions extends LimitOptions {
  readonly name?: string;
  readonly machine?: string;
  readonly environment?: string;
  readonly ref?: string;
  readonly anyRef?: boolean;
  readonly deployment?: string;
  readonly repositoryId?: string;
  readonly event?: readonly string[];
  readonly issuer?: string;
  readonly audience?: readonly string[];
  readonly jwks?: string;
  readonly jwksUrl?: string;
  readonly claim?: readonly string[];
  readonly algorithm?: readonly string[];
  readonly authorities?: string;
  readonly key?: readonly string[];
  readonly san?: readonly string[];
  readonly crl?: string;
}

/** What a cluster says of the tokens of its service accounts (OpenID Connect Discovery). */
const CLUSTER = '`kubectl get --raw /.well-known/openid-configuration`';
const TRUSTS: readonly MethodKind[] = ['jwt', 'certificate'];

/** `strongroom trust …`: machines that somebody else vouches for. */
export function registerTrusts(program: Command, terminal: Terminal): void {
  const group = program
    .command('trust')
    .description('machines that somebody else vouches for: no secret is handed to them');
  registerJobs(group, terminal);
  registerKubernetes(group, terminal);
  registerJwt(group, terminal);
  registerCertificate(group, terminal);
  registerList(group, terminal);
  registerRenew(group, terminal);
  addMethodCommands(group, {
    word: 'the trust',
    terminal,
    adjust: (command) => command.addOption(kindOption()),
    change: (verb, name, command) => {
      const options = command.optsWithGlobals<GlobalOptions & { readonly kind: MethodKind }>();
      return withSession(options, terminal, (session) =>
        session.methods[verb]({ kind: options.kind, name }),
      );
    },
  });
}

function registerJobs(group: Command, terminal: Terminal): void {
  const jobs = (command: Command): Command =>
    addCommon(command)
      .option('--ref <ref>', 'only jobs of this branch, such as main, or ref')
      .option('--any-ref', 'jobs of every branch, which all who can push can make')
      .option('--deployment <environment>', 'only jobs in this deployment environment there')
      .option('--issuer <address>', 'of a server of your own')
      .option('--audience <text>', 'what tokens are made out to (default: this vault)', gather);
  const github = jobs(
    group
      .command('github')
      .description('trust jobs of GitHub Actions')
      .argument('<repository>', 'as owner/repository'),
  )
    .option('--repository-id <number>', 'its number, which no other of that name would have')
    .option('--event <names>', 'only jobs that these events set off', splitNames);
  act(github, terminal, (repository, { repositoryId, event: events, ...rest }) => {
    return { kind: 'github', repository, repositoryId, events, ...jobOf(rest) };
  });
  addExamples(
    github,
    'strongroom trust github acme/app --environment production --ref main',
    'strongroom trust github acme/app -e production --deployment production --can read',
  );
  const gitlab = jobs(
    group
      .command('gitlab')
      .description('trust jobs of GitLab CI')
      .argument('<project>', 'as group/project'),
  );
  act(gitlab, terminal, (project, options) => {
    return { kind: 'gitlab', project, ...jobOf(options) };
  });
  addExamples(gitlab, 'strongroom trust gitlab acme/app --environment production --ref main');
}

function registerKubernetes(group: Command, terminal: Terminal): void {
  const command = addKeys(
    addCommon(
      group
        .command('kubernetes')
        .description('trust a service account of Kubernetes')
        .argument('<service-account>', 'as namespace/name'),
    ).option('--issuer <address>', `issuer of its tokens, as ${CLUSTER} names it`),
  ).option('--audience <text>', 'what tokens are made out to (default: this vault)', gather);
  act(command, terminal, (serviceAccount, options) => {
    const { issuer, audience: audiences } = options;
    if (issuer === undefined) throw issuerNeeded();
    return { kind: 'kubernetes', serviceAccount, issuer, audiences, ...keysOf(options) };
  });
  addExamples(
    command,
    'strongroom trust kubernetes shop/api --issuer https://oidc.example/cluster -e production',
    'strongroom trust kubernetes shop/api --issuer https://kubernetes.default.svc --jwks keys.json',
  );
}

function issuerNeeded(): StrongroomError {
  return new StrongroomError('usage', 'which cluster? --issuer names the issuer of its tokens', {
    hint: `${CLUSTER} answers with it; without a way there, give its keys with --jwks FILE too`,
  });
}

function registerJwt(group: Command, terminal: Terminal): void {
  const command = addKeys(
    addCommon(
      group
        .command('jwt')
        .description('trust tokens (JWT) of any issuer')
        .argument('<issuer>', 'as tokens name it'),
    )
      .requiredOption('--audience <text>', 'what tokens are made out to; repeatable', gather)
      .requiredOption('--claim <name=value>', 'what a claim has to be; repeatable', gather)
      .option('--algorithm <names>', 'of signatures (default RS256, ES256)', splitNames),
  );
  act(command, terminal, (issuer, options) => {
    const { audience: audiences = [], claim = [], algorithm } = options;
    const algorithms = algorithm as JwtTrust['algorithms'];
    return {
      kind: 'jwt',
      issuer,
      audiences,
      claims: claimsOf(claim),
      algorithms,
      ...keysOf(options),
    };
  });
  addExamples(
    command,
    'strongroom trust jwt https://idp.example --audience strongroom --claim sub=job-7 -e staging',
  );
}

function registerCertificate(group: Command, terminal: Terminal): void {
  const command = addCommon(
    group
      .command('certificate')
      .description('trust client certificates of TLS')
      .argument('<machine>', 'the machine that they sign in'),
  )
    .option('--authorities <file>', 'PEM of authorities that have signed them')
    .option('--san <names>', 'names of theirs, such as dns:app.example', splitNames)
    .option('--key <hashes>', 'instead: base64 of SHA-256 of public keys', splitNames)
    .option('--crl <file>', 'PEM of revocation lists, without which nobody signs in then');
  act(command, terminal, (_machine, { authorities, san: names, key: keys, crl }) => {
    return { kind: 'certificate', authorities: text(authorities), names, keys, crls: text(crl) };
  });
  addExamples(
    command,
    'strongroom trust certificate api --authorities ca.pem --san dns:api.example -e production',
  );
}

function registerList(group: Command, terminal: Terminal): void {
  const command = group
    .command('list')
    .alias('ls')
    .description('list trusts')
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const trusts = await withSession(options, terminal, (session) => allMethods(session, TRUSTS));
      const rows = trusts.map(({ name, kind, subject, disabledAt, config }) => [
        name,
        kind,
        subject ?? '',
        disabledAt === null ? 'active' : 'disabled',
        typeof config['issuer'] === 'string' ? config['issuer'] : '',
      ]);
      const table = formatTable(['trust', 'kind', 'signs in', 'state', 'issuer'], rows);
      terminal.result({ trusts }, trusts.length === 0 ? '' : cutLines(table, terminal.width));
      if (trusts.length === 0 && !terminal.isJson) terminal.note('no trusts');
    });
  addExamples(command, 'strongroom trust list');
}

function registerRenew(group: Command, terminal: Terminal): void {
  const command = group
    .command('renew')
    .description('give a trust newer keys, or newer revocation lists')
    .argument('<name>', 'its name')
    .option('--jwks <file>', 'a JSON Web Key Set')
    .option('--crl <file>', 'PEM of revocation lists')
    .action(async (name: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<TrustOptions>();
      const input = { name, jwks: text(options.jwks), crls: text(options.crl) };
      const renewed = await withSession(options, terminal, (session) =>
        session.trusts.renew(input),
      );
      terminal.result(renewed, '');
      if (!terminal.isJson) terminal.note(`renewed the trust ${name}`);
    });
  addExamples(
    command,
    'strongroom trust renew api --crl ca.crl.pem',
    'strongroom trust renew kubernetes-shop-api --jwks keys.json',
  );
}

function addCommon(command: Command): Command {
  return addSessionOptions(command)
    .option(
      '-e, --environment <environment>',
      'what the machine may list and read, or what --can says',
    )
    .option('--machine <name>', 'whom it signs in (default: a new one)')
    .option('--name <name>', 'name of the trust (default: made of what it trusts)');
}

function addKeys(command: Command): Command {
  return command
    .option('--jwks <file>', 'its keys, if it cannot be asked for them')
    .option('--jwks-url <address>', 'where its keys are (default: as its discovery document says)');
}

function act(
  command: Command,
  terminal: Terminal,
  trustOf: (subject: string, options: TrustOptions) => Trust,
): void {
  command.action(async (subject: string, _: object, command: Command) => {
    const options = command.optsWithGlobals<TrustOptions>();
    const trust = trustOf(subject, options);
    const { name, environment, workspace } = options;
    const isCertificate = trust.kind === 'certificate';
    if (isCertificate && options.machine !== undefined) {
      throw new StrongroomError('usage', 'the machine is named before the options', {
        hint: `strongroom trust certificate ${shellWord(options.machine)} --name ${shellWord(subject)} …`,
      });
    }
    const machine = isCertificate ? subject : options.machine;
    const input = { trust, name, machine, environment, workspace, ...limitsOf(options) };
    const made = await withSession(options, terminal, (session) => session.trusts.create(input));
    const audiences = made.config['audiences'] as readonly string[] | undefined;
    terminal.result(made, audiences?.join('\n') ?? '');
    if (terminal.isJson) return;
    const isNew = machine === undefined;
    const without = isNew ? 'without rights yet' : 'with the rights that it has';
    const rights = environment === undefined ? without : `with rights in ${environment}`;
    terminal.note(`the trust ${made.name} signs ${made.subject ?? ''} in, ${rights}`);
    if (isNew && environment === undefined && made.subject !== null) {
      const subject = shellWord(made.subject);
      terminal.note(
        `to give it some: strongroom access grant ${subject} list,read 'production/**'`,
      );
    }
    if (audiences !== undefined) terminal.note('above is the audience that tokens have to be for');
  });
}

function jobOf({ ref, anyRef, deployment, issuer, audience }: TrustOptions): {
  readonly [K in 'ref' | 'deployment' | 'issuer']: string | undefined;
} & { readonly anyRef: boolean | undefined; readonly audiences: readonly string[] | undefined } {
  return { ref, anyRef, deployment, issuer, audiences: audience };
}

function keysOf({ jwks, jwksUrl }: TrustOptions): {
  readonly jwks: string | undefined;
  readonly jwksUrl: string | undefined;
} {
  return { jwks: text(jwks), jwksUrl };
}

/** Values by claim: one that is given twice may be either. */
function claimsOf(given: readonly string[]): Readonly<Record<string, readonly string[]>> {
  const claims = new Map<string, readonly string[]>();
  for (const each of given) {
    const at = each.indexOf('=');
    if (at < 1) {
      throw new StrongroomError('usage', '--claim takes a name and a value, joined with =', {
        hint: 'as in --claim sub=job-7',
      });
    }
    const name = each.slice(0, at);
    claims.set(name, [...(claims.get(name) ?? []), each.slice(at + 1)]);
  }
  return Object.fromEntries(claims);
}

function kindOption(): Option {
  return new Option('--kind <kind>', 'jwt or certificate').choices([...TRUSTS]).default('jwt');
}

function gather(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

function text(path: string | undefined): string | undefined {
  return path === undefined ? undefined : decodeText(readFile(path), 'invalid_input');
}
