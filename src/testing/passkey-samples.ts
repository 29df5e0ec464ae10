import type { AssertionJson, RegistrationJson } from '../auth/passkey-json.ts';

const KEY = { id: 'bm9uZQ', rawId: 'bm9uZQ', type: 'public-key' } as const;

/** What has the form of a new passkey, and is none. */
export const NEW_PASSKEY: RegistrationJson = {
  ...KEY,
  response: { clientDataJSON: 'e30', attestationObject: 'oA' },
};

/** What has the form of the use of a passkey, and is of none. */
export const USED_PASSKEY: AssertionJson = {
  ...KEY,
  response: { clientDataJSON: 'e30', authenticatorData: 'AA', signature: 'AA' },
};
