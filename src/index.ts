export type { CallOptions, SecurityContext } from './core/context.ts';
export type {
  ChangeEvent,
  ChangeStream,
  ResetEvent,
  SecretEvent,
} from './core/events/change-event.ts';
export type { OpenEventsInput } from './core/operations/open-events.ts';
export type { BackupSummary } from './core/operations/backup-view.ts';
export type { BackupList, CreateBackupInput } from './core/operations/create-backup.ts';
export type {
  BackupsPruned,
  BackupVerified,
  PruneBackupsInput,
  ScheduledBackup,
  ScheduledBackupInput,
  VerifyBackupInput,
} from './core/operations/keep-backups.ts';
export type {
  PartsRestored,
  RestoredSecret,
  RestorePartsInput,
} from './core/operations/restore-parts.ts';
export type { RestoredVault } from './core/restore-vault.ts';
export type { BackupFacts } from './domain/backup/verify-file.ts';
export type {
  EnvironmentPlace,
  GetOptions,
  Injected,
  InjectOptions,
  VaultEnvironment,
} from './core/environment.ts';
export type { TaskName, WorkFailure, WorkReport } from './core/due-work.ts';
export type { FirstSlot, NewVault } from './core/init-vault.ts';
export type { SecretAccess } from './domain/access/secret-grants.ts';
export type { Conditions, Day, TimeWindow } from './domain/access/conditions.ts';
export type {
  AccessCase,
  AccessExplained,
  AccessHolder,
  AccessHolders,
  AccessQuestion,
  AccessTested,
  AccessTestResult,
  ExplainInput,
  HeldRule,
  StatedCircumstances,
  TestAccessInput,
  WhoCanInput,
} from './core/operations/access-explain.ts';
export type {
  AccessReplayed,
  AccessShift,
  ProposedGrant,
  ReplayInput,
} from './core/operations/access-replay.ts';
export type {
  GrantInput,
  GrantList,
  GrantMade,
  ListGrantsInput,
  RevokeInput,
} from './core/operations/access-rules.ts';
export type { PageInput, ScopeInput } from './core/operations/access-scope.ts';
export type { GrantSummary } from './core/operations/grant-view.ts';
export type {
  PrincipalInput,
  PrincipalList,
  PrincipalSummary,
  RenamePrincipalInput,
} from './core/operations/principals.ts';
export type { BackendHealth, KeyHealth, KeyHealthInput } from './core/operations/key-health.ts';
export type { ReauthenticatePasskeyInput } from './core/operations/passkeys-step-up.ts';
export type {
  ListSetsInput,
  MembershipChanged,
  MembershipInput,
  RenameSetInput,
  SetInput,
  SetList,
} from './core/operations/sets.ts';
export type { Membership, SetDescription, SetSummary } from './core/operations/set-view.ts';
export type {
  AuditEntries,
  AuditExportPart,
  ExportAuditInput,
  ProveEntryInput,
  QueryAuditInput,
} from './core/operations/audit.ts';
export type {
  DescribeSecretInput,
  SecretDescription,
  SecretHistory,
  SecretHistoryInput,
  SecretVersion,
} from './core/operations/describe-secret.ts';
export type {
  DiffSecretsInput,
  SecretDifference,
  SecretsDiff,
} from './core/operations/diff-secrets.ts';
export type {
  CopySecretInput,
  MoveSecretInput,
  RenameSecretInput,
  SecretPlaced,
  SecretsPlaced,
} from './core/operations/place-secret.ts';
export type { Promoted, PromoteInput } from './core/operations/promote.ts';
export type {
  RewindSecretsInput,
  SecretsUndone,
  SecretUndone,
  UndoChangeInput,
} from './core/operations/undo-change.ts';
export type { DueList, DueSecret, DueSecretsInput } from './core/operations/due-secrets.ts';
export type { GeneratedValue, GenerateValueInput } from './core/operations/generate-value.ts';
export type {
  ImportedSecret,
  ImportSecretsInput,
  SecretsImported,
} from './core/operations/import-secrets.ts';
export type { LayoutInput, LayoutRead } from './core/operations/read-layout.ts';
export type {
  FolderAddress,
  ImportInput,
  ImportSummary,
  ListImportsInput,
} from './core/operations/inherit.ts';
export type { JobSummary, ListJobsInput } from './core/operations/jobs.ts';
export type { KeyStatus, WorkspaceKeys, WorkspaceKeyStatus } from './core/operations/key-status.ts';
export type {
  BatchDone,
  KeyRotated,
  KeysRetired,
  RetireKeysInput,
  RewrapInput,
  RotateKeyInput,
} from './core/operations/keys.ts';
export type { DestroySecretInput, SecretDestroyed } from './core/operations/destroy-secret.ts';
export type { ListSecretsInput, SecretList } from './core/operations/list-secrets.ts';
export type {
  Health,
  ReadHealthInput,
  SlotHealth,
  WorkspaceNumbers,
} from './core/operations/read-health.ts';
export type { RenewedSlot, RootChanges } from './core/operations/root-plan.ts';
export type {
  BeginRootInput,
  RootBegun,
  RootHandover,
  RootRotated,
  RotateRootInput,
} from './core/operations/root-key.ts';
export type {
  AddSlotInput,
  ConfirmSlotInput,
  Drilled,
  DrilledSlot,
  DrillInput,
  RemoveSlotInput,
  SlotAdded,
  SlotConfirmed,
  SlotRemoved,
} from './core/operations/slots.ts';
export type { OlderBackup, SlotSummary } from './core/slots.ts';
export type {
  ListOverridesInput,
  Override,
  OverrideSecretInput,
} from './core/operations/overrides.ts';
export type { ReadSecretInput, SecretRead } from './core/operations/read-secret.ts';
export type {
  EnvironmentNames,
  EnvironmentNamesInput,
  EnvironmentResolved,
  LeftOut,
  ResolveEnvironmentInput,
} from './core/operations/resolve-environment.ts';
export type {
  EffectiveSecret,
  ResolveSecretInput,
  SecretResolved,
  ValueSource,
} from './core/operations/resolve-secret.ts';
export type {
  PreviousRetired,
  RetirePreviousInput,
  RollBackInput,
  RotateSecretInput,
  SecretRotated,
} from './core/operations/rotate-secret.ts';
export type { JobsBegun } from './core/operations/run-jobs.ts';
export type { AttributesInput } from './core/operations/schema.ts';
export type { SecretAddress } from './core/operations/secret-address.ts';
export type {
  ExpiringSecretsInput,
  SearchSecretsInput,
  SecretFound,
  SecretsFound,
} from './core/operations/search-secrets.ts';
export type { SecretSummary, SecretSummaryAfter } from './core/operations/secret-view.ts';
export type { SecretStatistics } from './core/operations/statistics.ts';
export type { ReadManyInput, ReadOfMany, SecretsRead } from './core/operations/read-many.ts';
export type {
  AccessToSecret,
  SecretAccesses,
  SecretAccessesInput,
} from './core/operations/secret-accesses.ts';
export type { Representation } from './core/operations/entity-tag.ts';
export type {
  ReadSettingsInput,
  Settings,
  SettingView,
  SettingWritten,
  WriteSettingInput,
} from './core/operations/settings.ts';
export type {
  ChangePasswordInput,
  ReauthenticateInput,
  SignOutInput,
  WhoAmI,
} from './core/operations/account.ts';
export type {
  AppRoleSummary,
  CreateAppRoleInput,
  NewSecretIdInput,
  RevokeSecretIdInput,
  SecretIdCreated,
  SecretIdsInput,
  UpdateAppRoleInput,
} from './core/operations/approle.ts';
export type { CredentialText } from './core/operations/credential-text.ts';
export type {
  DeviceBegun,
  DeviceCodeInput,
  DeviceSummary,
  FinishDeviceInput,
} from './core/operations/device.ts';
export type {
  ConfirmTotpInput,
  EnrollTotpInput,
  FactorSummary,
  FactorsInput,
  RecoveryCodesRenewed,
  RemoveFactorInput,
  TotpConfirmed,
  TotpEnrolled,
} from './core/operations/factors.ts';
export type { AcceptInviteInput, InviteInput, Invited } from './core/operations/invites.ts';
export type { MachineSignedIn } from './core/operations/machine-session.ts';
export type {
  SignInAppRoleInput,
  SignInCertificateInput,
  SignInJwtInput,
} from './core/operations/machine-sign-in.ts';
export type { MethodSummary, SessionRulesInput } from './core/operations/method-view.ts';
export type { ListMethodsInput, MethodInput, MethodList } from './core/operations/methods.ts';
export type {
  ConfirmPasskeyInput,
  PasskeyConfirmed,
  PasskeyEnrolled,
} from './core/operations/passkeys.ts';
export type {
  BeginPasskeyInput,
  PasskeyBegun,
  VerifyPasskeyInput,
} from './core/operations/passkeys-sign-in.ts';
export type { TokensPurged } from './core/operations/purge-tokens.ts';
export type { SecondFactorInput, SignInInput } from './core/operations/sign-in.ts';
export type { SessionRenewed, SignInOptions, SignedIn } from './core/operations/signed-in.ts';
export type {
  BeginSsoInput,
  FinishSsoInput,
  SignInWays,
  SsoBegun,
  SsoLinked,
  SsoPlaceInput,
} from './core/operations/sso.ts';
export type {
  CreateSsoInput,
  GroupMapping,
  SsoRulesInput,
  UpdateSsoInput,
} from './core/operations/sso-methods.ts';
export type { TokenLimitsInput, TokenState, TokenSummary } from './core/operations/token-view.ts';
export type {
  CreateTokenInput,
  ListTokensInput,
  RevokeTokenInput,
  TokenCreated,
} from './core/operations/tokens.ts';
export type {
  CertificateTrust,
  CreateTrustInput,
  RenewTrustInput,
  Trust,
  TrustCreated,
} from './core/operations/trusts.ts';
export type {
  DeletedSecret,
  ListTrashInput,
  PurgeTrashInput,
  TrashList,
  TrashPurged,
} from './core/operations/trash.ts';
export type { DeleteSecretInput, UndeleteSecretInput } from './core/operations/trash-secret.ts';
export type {
  ChecksumsVerified,
  DamagedSecret,
  VerifyChecksumsInput,
} from './core/operations/verify-checksums.ts';
export type { SecretVerified, VerifySecretInput } from './core/operations/verify-secret.ts';
export type {
  CreateEnvironmentInput,
  CreateWorkspaceInput,
  DeleteWorkspaceInput,
  EnvironmentSummary,
  ListEnvironmentsInput,
  WorkspaceDeleted,
  WorkspaceSummary,
} from './core/operations/workspaces.ts';
export type {
  CreateSecretInput,
  SecretChanged,
  UpdateSecretInput,
  WriteSecretInput,
} from './core/operations/write-secret.ts';
export type { RotationPlace, RotationReport, RotationSelection } from './core/rotate-many.ts';
export type { ScheduleOptions } from './core/scheduler.ts';
export type { Session } from './core/session.ts';
export type { Capability } from './domain/access/capability.ts';
export type { AuditEntry, Outcome } from './domain/audit/entry.ts';
export type { LogVerified } from './domain/audit/verify-log.ts';
export type { JsonValue } from './domain/secrets/metadata.ts';
export type { SecretCounts } from './domain/secrets/statistics.ts';
export type { SingleValue, ValueInput, ValueOutput } from './domain/secrets/value.ts';
export type {
  ComplexityRules,
  SettingName,
  SettingScope,
} from './domain/settings/known-settings.ts';
export type { ErrorCode, ErrorDetails, StrongroomErrorOptions } from './errors.ts';
export type { SecretType } from './formats/secret-type.ts';
export type { NewSlot, SlotKdf, SlotKey, SlotKind } from './seal/slot.ts';
export type { Clock } from './lib/ids.ts';
export type { EntryMember } from './domain/audit/entry-members.ts';
export type { MethodKind } from './domain/identities/method-config.ts';
export type { TokenKind } from './domain/identities/token-kinds.ts';
export type { Carrier } from './domain/identities/sessions.ts';
export type { FactorKind } from './domain/identities/factor-set.ts';
export type { JobState } from './domain/jobs/jobs.ts';
export type { RestorationStep } from './domain/secrets/restoration.ts';
export type { JwtAlgorithm } from './auth/jwt.ts';
export type {
  AssertionJson,
  CreationOptionsJson,
  PasskeyDescriptor,
  RegistrationJson,
  RequestOptionsJson,
  UserVerification,
} from './auth/passkey-json.ts';
export type { FollowedValues, FollowOptions } from './core/followed-values.ts';
export type { ChangeType } from './core/events/change.ts';
export type { VariableOptions } from './formats/variables.ts';
export type {
  GithubTrust,
  GitlabTrust,
  JwtTrust,
  KubernetesTrust,
  TokenTrust,
} from './core/operations/trust-presets.ts';
export type { ListPlace } from './core/operations/cursor.ts';
export type { ReturnedInput } from './core/operations/sso-return.ts';
export type { VaultSealed } from './core/operations/seal-vault.ts';
export type { VaultMetrics } from './core/operations/read-metrics.ts';
export type { AuditPruned } from './core/operations/prune-audit.ts';
export type { FernetKeyGenerated } from './core/operations/generate-fernet.ts';
export type { Methods } from './core/operations/operations.ts';
export { rotateMany, rotateWith } from './core/rotate-many.ts';
export { StrongroomError } from './errors.ts';
export { maskSecret } from './mask.ts';
export { SecretValue, type SecretKind } from './secret-value.ts';
export { init, open, restore, Vault, verifyBackup } from './embedded.ts';
export type { InitOptions, OpenOptions, RestoreOptions } from './embedded.ts';
