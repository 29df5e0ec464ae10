// What 100,000 tokens that are in use take of a server's memory.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { atOnce, newDirectory, report } from './harness.ts';
import { Loader, residentMb } from './server-load.ts';
import { serve } from './served-vault.ts';

const TOKENS = 100_000;
const CALLERS = 64;
/** A token that was not used lately takes more time than one that was. */
const SECONDS = 30;
const WHO = '/api/auth/who-am-i';

const root = newDirectory('tokens');
const loader = new Loader(root);
const texts = await makeTokens();
const server = await serve(root, 'vault');
try {
  const [first = ''] = texts;
  const file = join(root, 'tokens');
  writeFileSync(file, texts.join('\n'), { mode: 0o600 });
  const one = loader.script(
    'one',
    `wrk.headers["Authorization"] = "Bearer ${first}"\nfunction request()\nreturn wrk.format("GET", "${WHO}")\nend\n`,
  );
  const all = loader.script(
    'all',
    `local heads = {}
local n = 0
for line in io.lines("${file}") do heads[#heads + 1] = { ["Authorization"] = "Bearer " .. line } end
function request()
n = n % #heads + 1
return wrk.format("GET", "${WHO}", heads[n])
end
`,
  );
  const before = residentAfter(one);
  report({
    question: 'memory of 100,000 live tokens more',
    measured: residentAfter(all) - before,
    unit: 'MB',
    limit: 60,
    note: `each was used at least once; beyond the ${Math.round(before)} MB after as many calls with one token`,
  });
} finally {
  await server.stop();
}

/** Resident memory after a load that comes to each token. */
function residentAfter(script: string): number {
  const { perSecond, failed } = loader.run(server.address, script, CALLERS, SECONDS);
  if (failed > 0) throw new Error(`${failed} requests failed`);
  if (perSecond * SECONDS < TOKENS) throw new Error('not every token was used');
  return residentMb(server.pid);
}

/** Makes the tokens with a server of their own, so that making them leaves nothing behind in memory. */
async function makeTokens(): Promise<readonly string[]> {
  const maker = await serve(root, 'vault');
  const made: string[] = [];
  try {
    const headers = {
      Authorization: `Bearer ${String(maker.said['token'])}`,
      'Content-Type': 'application/json',
    };
    await atOnce(CALLERS, TOKENS, async () => {
      const url = `${maker.address}/api/auth/tokens`;
      const response = await fetch(url, { method: 'POST', headers, body: '{}' });
      if (response.status !== 201) throw new Error(`status ${response.status}`);
      made.push(((await response.json()) as { readonly token: string }).token);
    });
  } finally {
    await maker.stop();
  }
  return made;
}
