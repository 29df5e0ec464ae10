import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { connect } from '../../src/client/client.ts';
import { startChromium, type Browser } from './chromium.ts';
import type { Report } from './report.ts';
import { startServer, type RunningServer } from './running-server.ts';
import { makeVaultOfUsers } from './vault-of-users.ts';

/** Addresses that the page has besides the server's. */
const PAGE = '/page-of-a-test';
const PROGRAM = '/passkey-program.js';
const PASSWORD = 'seven quiet herons by the weir';

/** What the page's requests were answered with. */
interface Answer {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
  /** What was sent. */
  readonly body?: object;
}

type Page = Awaited<ReturnType<Browser['context']['newPage']>>;
type Run = (name: string, ...given: readonly unknown[]) => Promise<Answer>;

/** A browser with an authenticator makes passkeys for a server, and signs in with them. */
export async function passkeys(directory: string, report: Report): Promise<void> {
  const browser = await startChromium();
  if ('missing' in browser) {
    report.leaveOut('Chromium', browser.missing);
    return;
  }
  const { token, invites } = makeVaultOfUsers(directory, ['bob']);
  const server = await startServer(directory);
  try {
    const origin = server.address.replace('127.0.0.1', 'localhost');
    const session = await begin(server, { token, invite: invites['bob'] ?? '', origin });
    const page = await browser.context.newPage();
    const authenticator = await addAuthenticator(browser, page);
    const run = await openPage(page, origin);
    await exercise({ run, session, authenticator }, report);
  } catch (error) {
    report.check('in a browser, passkeys work', false, String(error));
  } finally {
    await server.stop();
    await browser.close();
  }
}

/** Says where the site is, and lets bob choose a password. */
async function begin(
  { address }: RunningServer,
  { token, invite, origin }: Readonly<Record<'token' | 'invite' | 'origin', string>>,
): Promise<string> {
  await connect({ address, token }).settings.write({ name: 'public_url', value: origin });
  const { session } = await connect({ address }).auth.acceptInvite({ invite, password: PASSWORD });
  return session?.reveal() ?? '';
}

/** An authenticator in the browser, as one of a platform: it verifies who is there, and keeps passkeys. */
interface Authenticator {
  /** Sets how often the passkey was used, as a copy of long ago has it. */
  goBack(): Promise<void>;
}

async function addAuthenticator(browser: Browser, page: Page): Promise<Authenticator> {
  const devices = await browser.context.newCDPSession(page);
  await devices.send('WebAuthn.enable');
  const { authenticatorId } = await devices.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return {
    goBack: async () => {
      const { credentials } = await devices.send('WebAuthn.getCredentials', { authenticatorId });
      for (const credential of credentials) {
        const { credentialId } = credential;
        await devices.send('WebAuthn.removeCredential', { authenticatorId, credentialId });
        await devices.send('WebAuthn.addCredential', {
          authenticatorId,
          credential: { ...credential, signCount: 0 },
        });
      }
    },
  };
}

/** A page of the server's origin that has nothing in it but the program. */
async function openPage(page: Page, origin: string): Promise<Run> {
  await page.route(`**${PAGE}`, (route) =>
    route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>empty</title>' }),
  );
  const body = readFileSync(join(import.meta.dirname, 'passkey-program.js'), 'utf8');
  await page.route(`**${PROGRAM}`, (route) =>
    route.fulfill({ contentType: 'text/javascript', body }),
  );
  await page.goto(origin + PAGE);
  return (name, ...given) => {
    const values = given.map((each) => JSON.stringify(each)).join(', ');
    return page.evaluate<Answer>(
      `import('${PROGRAM}').then((program) => program.${name}(${values}))`,
    );
  };
}

async function exercise(
  given: { readonly run: Run; readonly session: string; readonly authenticator: Authenticator },
  report: Report,
): Promise<void> {
  const { run, session, authenticator } = given;
  const check = (what: string, holds: boolean, { status, json }: Answer): void =>
    report.check(`in a browser, ${what}`, holds, `${status} ${String(json['code'])}`);
  const isSignedIn = ({ status, json }: Answer): boolean =>
    status === 200 && typeof json['session'] === 'string';
  const isRefused = ({ status, json }: Answer): boolean =>
    status === 401 && json['code'] === 'unauthenticated';

  const made = await run('register', session);
  check('a passkey is made', isSignedIn(made), made);
  const first = await run('givePassword', 'bob', PASSWORD);
  const isDue = first.json['session'] === null;
  check('a passkey is asked for after a password', isDue, first);
  const second = await run('signIn', { challenge: first.json['challenge'] });
  check('a passkey is a second factor', isSignedIn(second), second);
  const alone = await run('signIn');
  check('a passkey signs in alone', isSignedIn(alone), alone);
  const again = await run('replay', alone.body);
  check('the answer of a passkey counts once', isRefused(again), again);
  const elsewhere = await run('replayElsewhere', alone.body);
  check('the answer of a passkey is of one challenge', isRefused(elsewhere), elsewhere);
  const proven = await run('stepUp', alone.json['session']);
  check('a passkey proves once more who is there', isSignedIn(proven), proven);
  await authenticator.goBack();
  const copied = await run('signIn');
  check('a passkey whose counter went back is refused', isRefused(copied), copied);
}
