export { connect, type Client } from './client.ts';
export {
  appRole,
  jwt,
  type AppRoleOptions,
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
export type {
  ChangeEvent,
  ChangeStream,
  ResetEvent,
  SecretEvent,
} from '../core/events/change-event.ts';
export type { ClientCallOptions, ConnectOptions, SignedIn } from './client-options.ts';
export { StrongroomError, type ErrorCode, type ErrorDetails } from '../errors.ts';
export { SecretValue } from '../secret-value.ts';
