import { describe, expect, it } from 'vitest';

import { SecretValue } from '../secret-value.ts';
import { allowances, openingOptions, type MadeWith } from './try-command.ts';

const made = (more: Partial<MadeWith>): string =>
  openingOptions({ slots: [{ kind: 'keyfile' }], shareFiles: undefined, ...more });
const passphrase = { kind: 'passphrase', passphrase: SecretValue.text('x') } as const;
const shares = { kind: 'shamir', threshold: 2, shares: 3 } as const;

describe('the options of later commands', () => {
  it('are none if everything is in its usual place', () => {
    expect(made({})).toBe('');
    expect(made({ slots: [passphrase, { kind: 'keyfile' }] })).toBe('');
  });

  it('name what was chosen, quoted for a shell', () => {
    expect(made({ path: 'v2', keyFile: "my key's", principal: 'bob' })).toBe(
      " --path v2 --principal bob --key-file 'my key'\\''s'",
    );
  });

  it('name a passphrase and shares, which nothing finds by itself', () => {
    expect(made({ slots: [passphrase] })).toBe(' --passphrase-file -');
    expect(made({ slots: [passphrase], passphraseFile: 'p' })).toBe(' --passphrase-file p');
    expect(made({ slots: [shares], shareFiles: ['a', 'b', 'c'] })).toBe(
      ' --share-file a --share-file b',
    );
    expect(made({ slots: [shares] })).toBe(' --share-file <file> --share-file <file>');
  });

  it('allow the names that must be allowed', () => {
    expect(allowances(['PORT', 'app/NODE_OPTIONS', 'PATH'])).toBe(
      ' --allow-env NODE_OPTIONS --allow-env PATH',
    );
  });
});
