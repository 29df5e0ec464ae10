import { z } from 'zod';

import { publicKeysOf } from '../../auth/issuer-keys.ts';
import { JWT_ALGORITHMS, type JwtAlgorithm } from '../../auth/jwt.ts';
import type { JwtConfig, SessionRules } from '../../domain/identities/method-config.ts';
import { StrongroomError } from '../../errors.ts';
import { parseOutside } from '../../lib/outbound.ts';

/** Where a job has to run, in the words of GitHub and GitLab. */
interface JobInput {
  /** Branch, or a whole ref such as `refs/tags/v1`. */
  readonly ref?: string | undefined;
  /** Takes jobs of every branch, which everybody has who can push. */
  readonly anyRef?: boolean | undefined;
  /** The deployment environment over there that the job has to run in. */
  readonly deployment?: string | undefined;
  /** Of a server of one's own. */
  readonly issuer?: string | undefined;
  /** What tokens have to be made out to. Default: a name of this vault alone. */
  readonly audiences?: readonly string[] | undefined;
}

/** Jobs of GitHub Actions. */
export interface GithubTrust extends JobInput {
  readonly kind: 'github';
  /** `owner/repository`, as it is written there. */
  readonly repository: string;
  /** Its number there, which another repository of that name would not have. */
  readonly repositoryId?: string | undefined;
  /** What may set the job off. Default: nothing that others than those who can push can set off. */
  readonly events?: readonly string[] | undefined;
}

/** Jobs of GitLab CI. */
export interface GitlabTrust extends JobInput {
  readonly kind: 'gitlab';
  /** `group/project`, as it is written there. */
  readonly project: string;
}

/** A service account of Kubernetes. */
export interface KubernetesTrust {
  readonly kind: 'kubernetes';
  readonly issuer: string;
  /** `namespace/name`. */
  readonly serviceAccount: string;
  readonly audiences?: readonly string[] | undefined;
  /** A JSON Web Key Set, if the issuer cannot be asked. */
  readonly jwks?: string | undefined;
  readonly jwksUrl?: string | undefined;
}

/** Tokens of any other issuer. */
export interface JwtTrust {
  readonly kind: 'jwt';
  readonly issuer: string;
  readonly audiences: readonly string[];
  /** Exact values by claim; one of them has to tell who somebody is, as `sub` does. */
  readonly claims: Readonly<Record<string, readonly string[]>>;
  /** Default `RS256`, `ES256`. */
  readonly algorithms?: readonly JwtAlgorithm[] | undefined;
  /** A JSON Web Key Set, if the issuer cannot be asked. */
  readonly jwks?: string | undefined;
  /** Default: where the issuer's discovery document says. */
  readonly jwksUrl?: string | undefined;
}

/** Tokens that are trusted. */
export type TokenTrust = GithubTrust | GitlabTrust | KubernetesTrust | JwtTrust;

const GITHUB = 'https://token.actions.githubusercontent.com';
const GITLAB = 'https://gitlab.com';
/** Without `pull_request_target` and the like, in which others' code may come to run on the branch's behalf. */
const EVENTS: readonly string[] = [
  'create',
  'deployment',
  'merge_group',
  'push',
  'release',
  'repository_dispatch',
  'schedule',
  'workflow_dispatch',
];
/** Claims that tell one caller from another. */
const NAMING: readonly string[] = [
  'sub',
  'repository',
  'repository_id',
  'project_path',
  'project_id',
  'client_id',
  'azp',
  'email',
];
const JWKS_MAX = 65_536;
const text = z.string().min(1).max(255);
const list = z.array(text).min(1).max(32);
const address = z.string().min(1).max(1024);
const NAME = /^[^\s/]{1,128}(?:\/[^\s/]{1,128})+$/;
const repository = z.string().regex(NAME, 'takes owner/repository, as it is written there');
const project = z.string().regex(NAME, 'takes group/project, as it is written there');

const job = {
  ref: text.optional(),
  anyRef: z.boolean().optional(),
  deployment: text.optional(),
  issuer: address.optional(),
  audiences: list.optional(),
};
const keys = { jwks: z.string().max(JWKS_MAX).optional(), jwksUrl: address.optional() };

/** The schemas of {@link TokenTrust}. */
export const tokenTrusts: readonly [
  z.ZodType<GithubTrust>,
  z.ZodType<GitlabTrust>,
  z.ZodType<KubernetesTrust>,
  z.ZodType<JwtTrust>,
] = [
  z.strictObject({
    kind: z.literal('github'),
    repository,
    repositoryId: z
      .string()
      .regex(/^\d{1,20}$/, 'takes the number that the repository has there')
      .optional(),
    events: list.optional(),
    ...job,
  }),
  z.strictObject({ kind: z.literal('gitlab'), project, ...job }),
  z.strictObject({
    kind: z.literal('kubernetes'),
    issuer: address,
    serviceAccount: z
      .string()
      .regex(/^[a-z0-9-]{1,63}\/[a-z0-9.-]{1,253}$/, 'takes namespace/name of a service account'),
    audiences: list.optional(),
    ...keys,
  }),
  z.strictObject({
    kind: z.literal('jwt'),
    issuer: address,
    audiences: list,
    claims: z.record(z.string().min(1).max(128), list),
    algorithms: z.array(z.enum(JWT_ALGORITHMS)).min(1).optional(),
    ...keys,
  }),
];

/** What a trust is called that was given no name. */
export function trustName(trust: TokenTrust): string {
  const whole = ((): string => {
    switch (trust.kind) {
      case 'github':
        return `github-${trust.repository}`;
      case 'gitlab':
        return `gitlab-${trust.project}`;
      case 'kubernetes':
        return `kubernetes-${trust.serviceAccount}`;
      default:
        return `jwt-${Object.values(trust.claims)[0]?.[0] ?? ''}`;
    }
  })();
  return whole.replaceAll(/[^A-Za-z0-9._@-]+/g, '-').slice(0, 128);
}

/**
 * What a trust takes, as a configuration has it.
 *
 * @param given.audience - What tokens are made out to that are for this vault alone.
 * @param given.allowedHosts - Hosts that may be in a network of our own.
 * @throws {@link StrongroomError} `invalid_input` for a trust that would take too much, or nothing.
 */
export function toJwtConfig(
  trust: TokenTrust,
  given: {
    readonly rules: SessionRules;
    readonly audience: string;
    readonly allowedHosts: readonly string[];
  },
): JwtConfig {
  const asked = asJwt(trust, given.audience);
  const { issuer, audiences, claims, algorithms = ['RS256', 'ES256'], jwks, jwksUrl } = asked;
  if (!NAMING.some((claim) => Object.hasOwn(claims, claim))) {
    throw new StrongroomError('invalid_input', 'the claims of the trust do not tell who is meant', {
      hint: `ask for one of ${NAMING.join(', ')}`,
    });
  }
  if (jwks !== undefined && jwksUrl !== undefined) {
    throw new StrongroomError('invalid_input', 'jwks and jwksUrl exclude each other');
  }
  if (jwks === undefined) parseOutside(jwksUrl ?? issuer, given.allowedHosts);
  return {
    ...given.rules,
    issuer,
    audiences,
    claims,
    algorithms,
    jwks_url: jwksUrl,
    jwks: jwks === undefined ? undefined : parseKeys(jwks),
  };
}

/**
 * A JSON Web Key Set as a configuration has it.
 *
 * @throws {@link StrongroomError} `invalid_input`.
 */
export function parseKeys(jwks: string): { readonly keys: readonly object[] } {
  let document: unknown;
  try {
    document = JSON.parse(jwks);
  } catch {
    throw new StrongroomError('invalid_input', 'the key set is not JSON');
  }
  return publicKeysOf(document);
}

function asJwt(trust: TokenTrust, audience: string): Omit<JwtTrust, 'kind'> {
  switch (trust.kind) {
    case 'github':
      return { ...githubJob(trust), audiences: trust.audiences ?? [audience] };
    case 'gitlab':
      return { ...gitlabJob(trust), audiences: trust.audiences ?? [audience] };
    case 'kubernetes': {
      const { issuer, audiences = [audience], jwks, jwksUrl } = trust;
      const sub = `system:serviceaccount:${trust.serviceAccount.replace('/', ':')}`;
      const algorithms = ['RS256', 'ES256', 'ES384', 'ES512'] as const;
      return { issuer, audiences, claims: { sub: [sub] }, algorithms, jwks, jwksUrl };
    }
    default:
      return trust;
  }
}

function githubJob(trust: GithubTrust): Pick<JwtTrust, 'issuer' | 'claims' | 'algorithms'> {
  const { repository, repositoryId, events = EVENTS, deployment, issuer = GITHUB } = trust;
  const ref = refOf(trust);
  const claims = {
    repository: [repository],
    event_name: events,
    ...(repositoryId === undefined ? {} : { repository_id: [repositoryId] }),
    ...(ref === undefined ? {} : { ref: [ref.startsWith('refs/') ? ref : `refs/heads/${ref}`] }),
    ...(deployment === undefined ? {} : { environment: [deployment] }),
  };
  return { issuer, claims, algorithms: ['RS256'] };
}

function gitlabJob(trust: GitlabTrust): Pick<JwtTrust, 'issuer' | 'claims' | 'algorithms'> {
  const { project, deployment, issuer = GITLAB } = trust;
  const ref = refOf(trust);
  const [, kind, short] = /^refs\/(heads|tags)\/(.+)$/.exec(ref ?? '') ?? [];
  const claims = {
    project_path: [project],
    ...(ref === undefined
      ? {}
      : { ref: [short ?? ref], ref_type: [kind === 'tags' ? 'tag' : 'branch'] }),
    ...(deployment === undefined ? {} : { environment: [deployment] }),
  };
  return { issuer, claims, algorithms: ['RS256'] };
}

/** Everybody who can push to a repository can make a branch: that all of them will do has to be said. */
function refOf({ ref, anyRef = false, deployment }: JobInput): string | undefined {
  if (ref !== undefined && anyRef) {
    throw new StrongroomError('invalid_input', 'ref and anyRef exclude each other');
  }
  if (ref !== undefined || anyRef || deployment !== undefined) return ref;
  throw new StrongroomError('invalid_input', 'a trust of jobs says from which branch', {
    hint: 'name a branch (--ref main) or a deployment environment over there, or say --any-ref',
  });
}
