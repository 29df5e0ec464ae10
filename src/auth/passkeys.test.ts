import { describe, expect, it } from 'vitest';

import { SoftwareAuthenticator, type CborValue } from '../testing/software-authenticator.ts';
import { loadPasskeyLibrary, type PasskeyLibrary } from './passkey-library.ts';
import {
  creationOptions,
  requestOptions,
  verifyAssertion,
  verifyRegistration,
} from './passkeys.ts';

const party = { id: 'vault.example', origin: 'https://vault.example' };
const challenge = Buffer.alloc(32, 1).toString('base64url');
const user = { id: '01890000-0000-7000-8000-000000000000', name: 'bob' };
const options = creationOptions(party, { challenge, user, exclude: [] });

describe('what an authenticator says', () => {
  it('A52 has nobody asked for certificates that it brings', async () => {
    const library = await loadPasskeyLibrary();
    let asked = 0;
    const watched: PasskeyLibrary = {
      ...library,
      verifyRegistrationResponse: (given) => {
        asked += 1;
        return library.verifyRegistrationResponse(given);
      },
    };
    const statement = new Map<string, CborValue>([
      ['alg', -7],
      ['sig', new Uint8Array(70)],
      ['x5c', [new Uint8Array(300)]],
    ]);
    for (const format of ['packed', 'fido-u2f', 'android-key', 'tpm', 'apple', 'nonsense']) {
      const made = new SoftwareAuthenticator(party).create(options, { format, statement });
      expect(await verifyRegistration(watched, made, { challenge, party })).toBeUndefined();
    }
    expect(asked).toBe(0);
    const plain = new SoftwareAuthenticator(party).create(options);
    expect(await verifyRegistration(watched, plain, { challenge, party })).toBeDefined();
  });

  it('is wrong, and no failure, where it is nonsense', async () => {
    const library = await loadPasskeyLibrary();
    const authenticator = new SoftwareAuthenticator(party);
    const made = authenticator.create(options);
    const registered = await verifyRegistration(library, made, { challenge, party });
    const asked = requestOptions(party, { challenge, allow: [], userVerification: 'required' });
    const used = authenticator.get(asked);
    const known = {
      challenge,
      party,
      publicKey: registered?.publicKey ?? '',
      principalId: user.id,
      isAlone: true,
    };
    expect(await verifyAssertion(library, used, known)).toMatchObject({ userVerified: true });
    // The last one is arrays in arrays, a thousand deep.
    const nonsense = [
      '',
      'AA',
      '!',
      'e30',
      'bnVsbA',
      Buffer.alloc(9000, 0x81).toString('base64url'),
    ];
    for (const bytes of nonsense) {
      for (const member of ['clientDataJSON', 'attestationObject']) {
        const response = { ...made.response, [member]: bytes };
        const given = { ...made, response };
        expect(await verifyRegistration(library, given, { challenge, party })).toBeUndefined();
      }
      for (const member of ['clientDataJSON', 'authenticatorData', 'signature', 'userHandle']) {
        const response = { ...used.response, [member]: bytes };
        expect(await verifyAssertion(library, { ...used, response }, known)).toBeUndefined();
      }
    }
  });
});
