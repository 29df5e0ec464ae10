import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { startChromium, type Page } from './chromium.ts';
import type { Report } from './report.ts';
import { startServer, type RunningServer } from './running-server.ts';
import { PROJECT } from './tools.ts';

/** Addresses that the page has besides the server's. */
const PAGE = '/page-of-a-test';
const SILENT = '/silent';
const MODULES: Readonly<Record<string, string>> = {
  '/client-web.js': join(PROJECT, 'dist', 'bundle', 'client-web.js'),
  '/client-program.js': join(import.meta.dirname, 'client-program.js'),
};
const MARKER = 'mArKeR-c11e';

/** What {@link exercise} found, by what was asked. */
type Found = Readonly<Record<string, boolean>>;

/** Lets a browser call a server with the bundle for browsers. */
export async function browserClient(directory: string, report: Report): Promise<void> {
  const browser = await startChromium();
  if ('missing' in browser) {
    report.leaveOut('Chromium', browser.missing);
    return;
  }
  const server = await startServer(directory);
  try {
    const page = await browser.context.newPage();
    const said: string[] = [];
    page.on('console', (message) => said.push(message.text()));
    page.on('pageerror', (error) => said.push(String(error)));
    await openPage(page, server.address);
    for (const [name, holds] of Object.entries(await exercise(page, server))) {
      report.check(`in a browser, the client ${name}`, holds);
    }
    const text = said.join('\n');
    report.check('in a browser, no value is on the console', !text.includes(MARKER), text);
    report.check('in a browser, something is on the console', said.length > 0);
    await fromElsewhere(page, server, report);
  } catch (error) {
    report.check('in a browser, the client runs', false, String(error));
  } finally {
    await server.stop();
    await browser.close();
  }
}

/** A page of the server's origin that has nothing in it. */
async function openPage(page: Page, address: string): Promise<void> {
  await page.route(`**${PAGE}`, (route) =>
    route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>empty</title>' }),
  );
  for (const [path, file] of Object.entries(MODULES)) {
    const body = readFileSync(file, 'utf8');
    await page.route(`**${path}`, (route) =>
      route.fulfill({ contentType: 'text/javascript', body }),
    );
  }
  // Nobody answers there: the route is never fulfilled.
  await page.route(`**${SILENT}/**`, () => undefined);
  await page.goto(address + PAGE);
}

function exercise(page: Page, { address, token }: RunningServer): Promise<Found> {
  const source = `(async () => {
    const client = await import('/client-web.js');
    const { exercise } = await import('/client-program.js');
    return exercise(client, ${JSON.stringify({ address, token, silent: address + SILENT })});
  })()`;
  return page.evaluate<Found>(source);
}

/** A page of another origin is told nothing: there is no CORS. */
async function fromElsewhere(page: Page, server: RunningServer, report: Report): Promise<void> {
  const { address, token } = server;
  const other = address.replace('127.0.0.1', 'localhost');
  await page.goto(other + PAGE);
  const source = `(async () => {
    const { connect } = await import('/client-web.js');
    const client = connect(${JSON.stringify({ address, token, retries: 0 })});
    const place = { environment: 'production', path: 'a/TEXT' };
    return client.secrets.read(place).then(() => 'read', (error) => error.code);
  })()`;
  const code = await page.evaluate<string>(source);
  report.check(
    'in a browser, a page of another origin reads nothing',
    code === 'unreachable',
    code,
  );
}
