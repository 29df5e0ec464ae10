import type { SecretValue } from '../secret-value.ts';
import { connect } from './client.ts';
import type { ClientCredential, ConnectOptions } from './client-options.ts';

/** Where to sign in, and how to get there. */
export type SignInServer = Omit<ConnectOptions, 'token' | 'signIn' | 'now'>;

/** A secret, or what gives it at each sign-in: it may have been replaced meanwhile. */
export type Given =
  string | SecretValue | (() => string | SecretValue | Promise<string | SecretValue>);

/** Options of {@link appRole}. */
export interface AppRoleOptions extends SignInServer {
  /** Names the role; it is no secret. */
  readonly roleId: string;
  /** What the machine was handed, or what reads it. */
  readonly secretId: Given;
}

/** Options of {@link jwt}. */
export interface JwtOptions extends SignInServer {
  /** The token of a job or a service account, or what reads it: such tokens end, and are replaced. */
  readonly token: Given;
  /** Name of the trust. Default: the one that the token fits. */
  readonly method?: string | undefined;
}

/**
 * Signs a machine in with a role id and a secret id. Each sign-in is one use of
 * the secret id.
 *
 * @returns What `connect` takes as `signIn`; it fails with `unauthenticated`, `unreachable`.
 *
 * @example
 * const client = connect({ address, signIn: appRole({ address, roleId, secretId }) });
 */
export function appRole({
  roleId,
  secretId,
  ...server
}: AppRoleOptions): () => Promise<ClientCredential> {
  const { auth } = connect(server);
  return async () => auth.signInAppRole({ roleId, secretId: await given(secretId) });
}

/**
 * Signs a machine in with a JSON Web Token of somebody who is trusted, such as
 * GitHub, GitLab or Kubernetes.
 *
 * @returns What `connect` takes as `signIn`; it fails with `unauthenticated`, `unreachable`.
 *
 * @example
 * const token = () => readFile('/var/run/secrets/strongroom/token', 'utf8');
 * const client = connect({ address, signIn: jwt({ address, token }) });
 */
export function jwt({ token, method, ...server }: JwtOptions): () => Promise<ClientCredential> {
  const { auth } = connect(server);
  return async () => auth.signInJwt({ token: await given(token), method });
}

async function given(secret: Given): Promise<string | SecretValue> {
  const value = typeof secret === 'function' ? await secret() : secret;
  // What is read from a file ends with a line feed.
  return typeof value === 'string' ? value.trim() : value;
}
