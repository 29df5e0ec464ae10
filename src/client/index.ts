export { connect, type Client } from './client.ts';
export {
  appRole,
  jwt,
  type AppRoleOptions,
  type Given,
  type JwtOptions,
  type SignInServer,
} from './sign-ins.ts';
export type {
  EnvironmentPlace,
  GetOptions,
  Injected,
  InjectOptions,
  VaultEnvironment,
} from '../core/environment.ts';
export type { FollowedValues, FollowOptions } from '../core/followed-values.ts';
export type { ChangeType } from '../core/events/change.ts';
export type {
  ChangeEvent,
  ChangeStream,
  ResetEvent,
  SecretEvent,
} from '../core/events/change-event.ts';
export type { CallOptions } from '../core/context.ts';
export type { Methods } from '../core/operations/operations.ts';
export type { Session } from '../core/session.ts';
export type { ClientCallOptions, ClientCredential, ConnectOptions } from './client-options.ts';
export {
  StrongroomError,
  type ErrorCode,
  type ErrorDetails,
  type StrongroomErrorOptions,
} from '../errors.ts';
export { SecretValue, type SecretKind } from '../secret-value.ts';
