import { changePassword, reauthenticate, signOut, whoAmI } from './account.ts';
import {
  createAppRole,
  listSecretIds,
  newSecretId,
  revokeSecretId,
  updateAppRole,
} from './approle.ts';
import {
  beginDeviceSignIn,
  confirmDeviceSignIn,
  denyDeviceSignIn,
  finishDevice,
  lookAtDevice,
} from './device.ts';
import {
  confirmTotp,
  enrollTotp,
  listFactors,
  removeFactor,
  renewRecoveryCodes,
} from './factors.ts';
import { acceptInvite } from './invites.ts';
import { signInAppRole, signInCertificate, signInJwt } from './machine-sign-in.ts';
import { disableMethod, enableMethod, listMethods, removeMethodOperation } from './methods.ts';
import { confirmPasskey, enrollPasskey } from './passkeys.ts';
import { beginPasskey, verifyPasskey } from './passkeys-sign-in.ts';
import { beginReauthentication, reauthenticatePasskey } from './passkeys-step-up.ts';
import { purgeTokens } from './purge-tokens.ts';
import { giveRecoveryCode, signIn, verifyTotp } from './sign-in.ts';
import { beginSso, beginSsoLink, finishSso, finishSsoLink, signInWays } from './sso.ts';
import { createSso, updateSso } from './sso-methods.ts';
import { createToken, listTokens, revokeTokenOperation } from './tokens.ts';
import { createTrust, renewTrust } from './trusts.ts';

/** What can be done with credentials and ways to sign in, by group. */
export interface CredentialOperations {
  readonly auth: {
    readonly signIn: typeof signIn;
    readonly verifyTotp: typeof verifyTotp;
    readonly useRecoveryCode: typeof giveRecoveryCode;
    readonly reauthenticate: typeof reauthenticate;
    readonly signOut: typeof signOut;
    readonly whoAmI: typeof whoAmI;
    readonly acceptInvite: typeof acceptInvite;
    readonly changePassword: typeof changePassword;
    readonly listFactors: typeof listFactors;
    readonly enrollTotp: typeof enrollTotp;
    readonly confirmTotp: typeof confirmTotp;
    readonly removeFactor: typeof removeFactor;
    readonly renewRecoveryCodes: typeof renewRecoveryCodes;
    readonly enrollPasskey: typeof enrollPasskey;
    readonly confirmPasskey: typeof confirmPasskey;
    readonly beginPasskey: typeof beginPasskey;
    readonly verifyPasskey: typeof verifyPasskey;
    readonly beginReauthentication: typeof beginReauthentication;
    readonly reauthenticatePasskey: typeof reauthenticatePasskey;
    readonly signInAppRole: typeof signInAppRole;
    readonly signInJwt: typeof signInJwt;
    readonly signInCertificate: typeof signInCertificate;
    readonly ways: typeof signInWays;
    readonly beginSso: typeof beginSso;
    readonly finishSso: typeof finishSso;
    readonly beginSsoLink: typeof beginSsoLink;
    readonly finishSsoLink: typeof finishSsoLink;
    readonly beginDevice: typeof beginDeviceSignIn;
    readonly lookAtDevice: typeof lookAtDevice;
    readonly confirmDevice: typeof confirmDeviceSignIn;
    readonly denyDevice: typeof denyDeviceSignIn;
    readonly finishDevice: typeof finishDevice;
  };
  readonly tokens: {
    readonly create: typeof createToken;
    readonly list: typeof listTokens;
    readonly revoke: typeof revokeTokenOperation;
    readonly purge: typeof purgeTokens;
  };
  readonly approle: {
    readonly create: typeof createAppRole;
    readonly update: typeof updateAppRole;
    readonly newSecretId: typeof newSecretId;
    readonly listSecretIds: typeof listSecretIds;
    readonly revokeSecretId: typeof revokeSecretId;
  };
  readonly methods: {
    readonly list: typeof listMethods;
    readonly disable: typeof disableMethod;
    readonly enable: typeof enableMethod;
    readonly remove: typeof removeMethodOperation;
  };
  readonly sso: { readonly create: typeof createSso; readonly update: typeof updateSso };
  readonly trusts: { readonly create: typeof createTrust; readonly renew: typeof renewTrust };
}

/** What can be done with credentials and ways to sign in, by group. */
export const credentialOperations: CredentialOperations = {
  auth: {
    signIn,
    verifyTotp,
    useRecoveryCode: giveRecoveryCode,
    reauthenticate,
    signOut,
    whoAmI,
    acceptInvite,
    changePassword,
    listFactors,
    enrollTotp,
    confirmTotp,
    removeFactor,
    renewRecoveryCodes,
    enrollPasskey,
    confirmPasskey,
    beginPasskey,
    verifyPasskey,
    beginReauthentication,
    reauthenticatePasskey,
    signInAppRole,
    signInJwt,
    signInCertificate,
    ways: signInWays,
    beginSso,
    finishSso,
    beginSsoLink,
    finishSsoLink,
    beginDevice: beginDeviceSignIn,
    lookAtDevice,
    confirmDevice: confirmDeviceSignIn,
    denyDevice: denyDeviceSignIn,
    finishDevice,
  },
  tokens: {
    create: createToken,
    list: listTokens,
    revoke: revokeTokenOperation,
    purge: purgeTokens,
  },
  approle: {
    create: createAppRole,
    update: updateAppRole,
    newSecretId,
    listSecretIds,
    revokeSecretId,
  },
  methods: {
    list: listMethods,
    disable: disableMethod,
    enable: enableMethod,
    remove: removeMethodOperation,
  },
  sso: { create: createSso, update: updateSso },
  trusts: { create: createTrust, renew: renewTrust },
};
