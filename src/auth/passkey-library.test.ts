import { describe, expect, it } from 'vitest';

import { loadPasskeyLibrary } from './passkey-library.ts';

describe('the package that passkeys need', () => {
  it('is told by its name where it is not installed', async () => {
    const load = (name: string): Promise<unknown> =>
      import(name.replace('@simplewebauthn/server', 'no-package-of-anybody'));
    await expect(loadPasskeyLibrary({ load })).rejects.toMatchObject({
      code: 'package_missing',
      message: 'passkeys need the package @simplewebauthn/server',
      details: { package: '@simplewebauthn/server' },
    });
  });

  it('fails as it does where it is installed and broken', async () => {
    const load = (): Promise<unknown> => Promise.reject(new SyntaxError('broken'));
    await expect(loadPasskeyLibrary({ load })).rejects.toThrow(SyntaxError);
  });
});
