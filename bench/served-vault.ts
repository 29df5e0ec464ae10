// A server over a vault of 1,000 secrets, and the scripts by which wrk asks it.
import { join } from 'node:path';

import { startServer, type Loader, type LoadedServer } from './server-load.ts';

/** How many secrets there are. */
export const SECRETS = 1000;
/** How many secrets one request of the batch asks for. */
export const BATCH = 50;

/** Where wrk's scripts are that ask a server. */
export type Scripts = Readonly<Record<'read' | 'write' | 'batch' | 'unchanged' | 'who', string>>;

const API = '/api/secrets/workspaces/default/secrets';

/** Starts a server over a new vault. */
export function serve(
  root: string,
  name: string,
  args: readonly string[] = [],
): Promise<LoadedServer> {
  const options = ['--port=0', '--owner=ada', '--json', '--default-environment=production'];
  const limits = ['--address-limit=none', '--principal-limit=none'];
  const path = ['--path', join(root, name)];
  return startServer(
    join(import.meta.dirname, '..', 'bin', 'strongroom.js'),
    ['serve', ...path, ...options, ...limits, ...args],
    { STRONGROOM_CONFIG_HOME: join(root, `${name}-config`) },
  );
}

/** Fills a vault, and writes the scripts that ask it. */
export async function fill(
  loader: Loader,
  name: string,
  { address, said }: LoadedServer,
): Promise<Scripts> {
  const token = String(said['token']);
  // As its certificate names it.
  const named = address.replace('127.0.0.1', 'localhost');
  const ids = await create(named, token);
  const head = `wrk.headers["Authorization"] = "Bearer ${token}"\n`;
  const json = 'wrk.headers["Content-Type"] = "application/json"\n';
  const pick = `local ids = {${ids.map((id) => `"${id}"`).join(',')}}\nlocal n = 0\n`;
  const request = (lua: string): string => `function request()\n${lua}\nend\n`;
  const inTurn = (lua: string): string => `${pick}${request(`n = n % #ids + 1\n${lua}`)}`;
  const first = `${API}/${ids[0] ?? ''}/value`;
  const names = Array.from({ length: BATCH }, (_, at) => `"s${at}"`).join(',');
  const tag = await tagOf(named + first, token);
  const script = (kind: string, lua: string): string =>
    loader.script(`${name}-${kind}`, head + lua);
  return {
    read: script('read', inTurn(`return wrk.format("GET", "${API}/" .. ids[n] .. "/value")`)),
    write: script(
      'write',
      json +
        inTurn(
          `return wrk.format("PATCH", "${API}/" .. ids[n], nil, '{"value":"correct horse ' .. n .. '"}')`,
        ),
    ),
    batch: script(
      'batch',
      json + request(`return wrk.format("POST", "${API}/batch-read", nil, '{"names":[${names}]}')`),
    ),
    unchanged: script(
      'unchanged',
      `wrk.headers["If-None-Match"] = '${tag}'\n${request(`return wrk.format("GET", "${first}")`)}`,
    ),
    who: script('who', request('return wrk.format("GET", "/api/auth/who-am-i")')),
  };
}

async function create(address: string, token: string): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let at = 0; at < SECRETS; at += 1) {
    const response = await fetch(address + API, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ name: `s${at}`, value: `correct horse battery staple ${at}` }),
    });
    if (response.status !== 201) throw new Error(`status ${response.status}`);
    ids.push(((await response.json()) as { readonly id: string }).id);
  }
  return ids;
}

async function tagOf(url: string, token: string): Promise<string> {
  const response = await fetch(url, { headers: { Authorization: `Bearer ${token}` } });
  return response.headers.get('etag') ?? '';
}
