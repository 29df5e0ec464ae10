import { connect } from '../../src/client/client.ts';
import { startChromium, type Page } from './chromium.ts';
import type { Report } from './report.ts';
import { startServer, type RunningServer } from './running-server.ts';
import { makeVaultOfUsers, type VaultOfUsers } from './vault-of-users.ts';

const PASSWORD = 'seven quiet herons by the weir';
const SECRETS = '/api/secrets/workspaces/default/secrets';
const VALUE = `${SECRETS}/by-name/production/db/password:value`;
const STORED = `${SECRETS}/by-name/production/stored`;
const MARKER = 'mArKeR-7e51d';
/** Pages of the server's origin that are the test's: one with nothing in it, and one that runs what it is given. */
const EMPTY = '/page-of-a-test';
const CARELESS = '/careless-page-of-a-test';

/** Says that it ran, in a way that outlives the page. */
const RUN = "top.name='ran'";
const TAGS = [
  `<script>${RUN}</script>`,
  `<img src=x onerror="${RUN}">`,
  `<svg onload="${RUN}">`,
  `<body onload="${RUN}">`,
  `<iframe srcdoc="<script>${RUN}</script>"></iframe>`,
  `<iframe onload="${RUN}"></iframe>`,
  `<details open ontoggle="${RUN}">`,
  `<input autofocus onfocus="${RUN}">`,
  `<video><source onerror="${RUN}"></video>`,
  `<style onload="${RUN}"></style>`,
];
const BEFORE = ['', '">', "'>", '</title>', '</script>', '-->', ']]>', '</form>', '\u2028', '{{}}'];
const PAYLOADS = TAGS.flatMap((tag) => BEFORE.map((before) => before + tag));

/** Addresses that a stranger can send somebody to, with what they like in them. */
const PLACES: readonly ((text: string) => string)[] = [
  (text) => `/auth/sso/return?error=access_denied&error_description=${text}&state=${text}`,
  (text) => `/auth/sso/begin?name=${text}`,
  (text) => `/api/${text}?${text}=${text}`,
];

/** A browser as people use it: nothing that others wrote runs in it, and nothing that one user saw is left for the next. */
export async function residue(directory: string, report: Report): Promise<void> {
  const browser = await startChromium();
  if ('missing' in browser) {
    report.leaveOut('Chromium', browser.missing);
    return;
  }
  const vault = makeVaultOfUsers(directory, ['ada', 'eve']);
  const server = await startServer(directory);
  try {
    await prepare(server.address, vault);
    const page = await browser.context.newPage();
    for (const [path, body] of [
      [EMPTY, ''],
      [CARELESS, '<script>document.write(decodeURIComponent(location.hash.slice(1)))</script>'],
    ] as const) {
      await page.route(`**${path}`, (route) =>
        route.fulfill({ contentType: 'text/html', body: `<!doctype html><title>t</title>${body}` }),
      );
    }
    await nothingRuns(page, server, report);
    await nothingIsLeft(page, server, report);
  } catch (error) {
    report.check('in a browser, nothing runs and nothing is left', false, String(error));
  } finally {
    await server.stop();
    await browser.close();
  }
}

/** Two users, of whom ada alone may read, and a secret that is all payload. */
async function prepare(address: string, { token, invites }: VaultOfUsers): Promise<void> {
  const owner = connect({ address, token });
  await owner.secrets.write({ environment: 'production', path: 'db/password', value: MARKER });
  const text = PAYLOADS.join('');
  await owner.secrets.write({
    environment: 'production',
    path: 'stored',
    value: text,
    metadata: { note: text.slice(0, 4000) },
  });
  for (const invite of Object.values(invites)) {
    await connect({ address }).auth.acceptInvite({ invite, password: PASSWORD });
  }
  await owner.access.grant({ subject: 'ada', can: ['read'], pattern: 'default/production/**' });
}

async function nothingRuns(page: Page, { address }: RunningServer, report: Report): Promise<void> {
  const ran = async (target: string): Promise<boolean> => {
    await page.goto(address + EMPTY);
    await page.evaluate("top.name = ''");
    await page.goto(address + target);
    await page.evaluate('new Promise((done) => setTimeout(done, 20))');
    return (await page.evaluate<string>('top.name')) === 'ran';
  };
  const careless = await countOf(TAGS, (tag) => ran(`${CARELESS}#${encodeURIComponent(tag)}`));
  report.check(`A50 each of ${TAGS.length} does run on a careless page`, careless === TAGS.length);
  const targets = PAYLOADS.flatMap((text) => PLACES.map((at) => at(encodeURIComponent(text))));
  const count = await countOf(targets, ran);
  report.check(
    `A50 none of ${targets.length} runs on a page of the server`,
    count === 0,
    `${count}`,
  );
  await signIn(page, address, 'ada');
  const embedded = [STORED, `${STORED}:value`].flatMap((target) => [
    `<iframe src="${target}"></iframe>`,
    `<object data="${target}"></object>`,
    `<embed src="${target}">`,
    `<script src="${target}"></script>`,
  ]);
  const stored = await countOf(embedded, (tag) => ran(`${CARELESS}#${encodeURIComponent(tag)}`));
  report.check('A50 what is stored does not run where it is put on a page', stored === 0);
}

async function nothingIsLeft(
  page: Page,
  { address }: RunningServer,
  report: Report,
): Promise<void> {
  await signIn(page, address, 'ada');
  const seen = await read(page, {});
  report.check('A51 who may, sees the value in a page of the server', seen.includes(MARKER));
  // What a page that is careless with it would leave.
  await page.evaluate(`(async () => {
    localStorage.setItem('seen', ${JSON.stringify(MARKER)});
    const cache = await caches.open('seen');
    await cache.put('/seen', new Response(${JSON.stringify(MARKER)}));
  })()`);
  report.check('A51 the session is in no script’s reach', (await left(page)).cookies === '');
  await page.goto(address + VALUE);
  report.check('A51 no link shows a value', !(await textOf(page)).includes(MARKER));
  await page.goto(address + EMPTY);
  await ask(page, '/api/auth/sign-out', {});
  const after = await left(page);
  report.check('A51 signing out leaves nothing stored', after.stored === '', after.stored);
  await signIn(page, address, 'eve');
  for (const cache of ['default', 'force-cache', 'only-if-cached']) {
    const answer = await read(page, { cache, mode: 'same-origin' });
    const isThere = answer.includes(MARKER);
    report.check(`A51 the next user is given nothing, cache: ${cache}`, !isThere && answer !== '');
  }
  for (const way of ['goBack', 'goBack', 'goBack', 'goForward'] as const) {
    await page[way]();
    report.check(`A51 nor by ${way}`, !(await textOf(page)).includes(MARKER));
  }
}

async function countOf(
  texts: readonly string[],
  holds: (text: string) => Promise<boolean>,
): Promise<number> {
  let count = 0;
  for (const text of texts) if (await holds(text)) count += 1;
  return count;
}

/** Signs in by a page of the server, so that the session is a cookie. */
async function signIn(page: Page, address: string, name: string): Promise<void> {
  await page.goto(address + EMPTY);
  const input = { name, password: PASSWORD, carrier: 'cookie' };
  const answer = await ask(page, '/api/auth/sign-in', input);
  if (!answer.includes('"carrier":"cookie"')) throw new Error(`no sign-in: ${answer}`);
  const who = await ask(page, '/api/auth/who-am-i');
  if (!who.includes(`"${name}"`)) throw new Error(`the session is not sent along: ${who}`);
}

/** Asks as a page of the server does. */
function ask(page: Page, target: string, json?: object): Promise<string> {
  const body = json === undefined ? {} : { method: 'POST', body: JSON.stringify(json) };
  return asked(page, target, body);
}

function read(page: Page, options: object): Promise<string> {
  return asked(page, VALUE, options);
}

function asked(page: Page, target: string, options: object): Promise<string> {
  const headers = { 'X-Strongroom': '1', 'Content-Type': 'application/json' };
  const call = `fetch(${JSON.stringify(target)}, ${JSON.stringify({ headers, ...options })})`;
  return page.evaluate(`${call}.then((answer) => answer.text(), (error) => String(error))`);
}

function textOf(page: Page): Promise<string> {
  return page.evaluate('document.documentElement.outerHTML');
}

/** What scripts of the server's pages find. */
function left(page: Page): Promise<{ readonly cookies: string; readonly stored: string }> {
  return page.evaluate(`(async () => ({
    cookies: document.cookie,
    stored: [...Object.keys(localStorage), ...Object.keys(sessionStorage), ...(await caches.keys())].join(),
  }))()`);
}
