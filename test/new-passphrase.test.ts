// Somebody chooses a passphrase at a terminal.
import { expect, it } from 'vitest';

import { Sandbox } from './sandbox.ts';

const PASSPHRASE = 'seven quiet herons by the weir';
const [NEW, AGAIN] = ['New passphrase', 'The same passphrase again'];

it('is asked again for one that is too short, or typed differently, and then opens the vault', async () => {
  using sandbox = new Sandbox();
  const init = 'strongroom init --path vault --seal passphrase --kdf pbkdf2 --yes';
  const made = await sandbox.atTerminal(init, [
    // What is refused anyhow is not typed twice.
    [NEW, 'herons'],
    [NEW, PASSPHRASE],
    [AGAIN, `${PASSPHRASE}s`],
    [NEW, PASSPHRASE],
    [AGAIN, PASSPHRASE],
  ]);
  expect(made).toMatch(/^0 [^]*at least 15 characters; once more[^]*differ; once more/);
  expect(made).not.toContain('herons');
  const opened = await sandbox.atTerminal('strongroom health --path vault', [
    ['Passphrase', PASSPHRASE],
  ]);
  expect(opened).toMatch(/^0 /);
});

it('makes no vault of three that are too short', async () => {
  using sandbox = new Sandbox();
  const init = 'strongroom init --path vault --seal passphrase --yes';
  const out = await sandbox.atTerminal(init, [
    [NEW, 'herons'],
    [NEW, 'herons'],
    [NEW, 'herons'],
  ]);
  expect(out).toMatch(/^2 [^]*at least 15 characters/);
  expect(sandbox.run('ls -A').stdout).toBe('');
});
