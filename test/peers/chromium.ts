import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { install, run } from './tools.ts';

/** A request of a page that is answered by the test; without an answer it waits. */
interface Route {
  fulfill(answer: { readonly contentType: string; readonly body: string }): Promise<void>;
}

/** What tests use of a page of Playwright's, whose own types need those of a browser. */
export interface Page {
  goto(address: string): Promise<unknown>;
  goBack(): Promise<unknown>;
  goForward(): Promise<unknown>;
  route(pattern: string, answer: (route: Route) => Promise<void> | undefined): Promise<unknown>;
  evaluate<T>(expression: string): Promise<T>;
  on(event: 'console', told: (message: { text(): string }) => void): unknown;
  on(event: 'pageerror', told: (error: Error) => void): unknown;
}

/** A session of the protocol of Chromium's developer tools. */
export interface DevTools {
  send(
    method: 'WebAuthn.addVirtualAuthenticator',
    parameters: object,
  ): Promise<{ readonly authenticatorId: string }>;
  send(
    method: 'WebAuthn.getCredentials',
    parameters: object,
  ): Promise<{ readonly credentials: readonly { readonly credentialId: string }[] }>;
  send(method: string, parameters?: object): Promise<unknown>;
}

interface Context {
  newPage(): Promise<Page>;
  newCDPSession(page: Page): Promise<DevTools>;
  close(): Promise<void>;
}

interface Playwright {
  readonly chromium: {
    launchPersistentContext(profile: string, options: object): Promise<Context>;
  };
}

/** A browser with a profile of its own. */
export interface Browser {
  readonly context: Context;
  close(): Promise<void>;
}

const PROGRAM = '/usr/bin/chromium';
/** It asks nobody but the pages that it is sent to. */
const ARGUMENTS: readonly string[] = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Debian's Chromium without a window, or why there is none. */
export async function startChromium(): Promise<Browser | { readonly missing: string }> {
  const isThere = (): boolean => run(PROGRAM, ['--version']).ok;
  if (!isThere()) install('chromium');
  if (!isThere()) return { missing: `no ${PROGRAM}` };
  const profile = mkdtempSync(join(tmpdir(), 'strongroom-chromium-'));
  const name: string = 'playwright-core';
  const { chromium } = (await import(name)) as Playwright;
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: PROGRAM,
    headless: true,
    args: [...ARGUMENTS],
  });
  return {
    context,
    close: async () => {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
