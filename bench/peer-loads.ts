// Mixes and logins, as wrk asks for them: of a server of ours, and of a Vault-compatible one.
import type { LoadedServer, Loader } from './server-load.ts';
import { SECRETS } from './served-vault.ts';

const SECRETS_PATH = '/api/secrets/workspaces/default/secrets';
const ADMIN_PATH = '/api/secrets/admin';
const JSON_TYPE = 'wrk.headers["Content-Type"] = "application/json"\n';
/** Of a hundred requests these many read, these many write, and the rest list all names. */
const READS = 90;
const WRITES = 9;

/** Reads, writes and lists of our secrets. */
export function ourMix(loader: Loader, { said }: LoadedServer): string {
  const at = `"${SECRETS_PATH}/by-name/production/s" .. n`;
  return loader.script(
    'ours-mix',
    mix(`wrk.headers["Authorization"] = "Bearer ${String(said['token'])}"`, {
      read: `wrk.format("GET", ${at} .. ":value")`,
      write: `wrk.format("PATCH", ${at}, nil, '{"value":"correct horse ' .. n .. '"}')`,
      list: `wrk.format("GET", "${SECRETS_PATH}?limit=${SECRETS}")`,
    }),
  );
}

/** The same of the secrets of a peer. */
export function peerMix(loader: Loader, token: string): string {
  const at = '"/v1/secret/data/bench/s" .. n';
  return loader.script(
    'peer-mix',
    mix(`wrk.headers["X-Vault-Token"] = "${token}"`, {
      read: `wrk.format("GET", ${at})`,
      write: `wrk.format("POST", ${at}, nil, '{"data":{"value":"correct horse ' .. n .. '"}}')`,
      list: 'wrk.format("GET", "/v1/secret/metadata/bench?list=true")',
    }),
  );
}

/** Sign-ins of a machine by role id and secret id. */
export async function ourLogin(loader: Loader, { address, said }: LoadedServer): Promise<string> {
  const headers = { Authorization: `Bearer ${String(said['token'])}` };
  const post = (path: string, body: object): Promise<Readonly<Record<string, unknown>>> =>
    call(`${address}${ADMIN_PATH}${path}`, { method: 'POST', headers, body });
  await post('/machines', { name: 'bench' });
  const { role_id: roleId } = await post('/approle', { machine: 'bench', name: 'bench' });
  const { secret_id: secretId } = await post('/approle/bench/secret-ids', {});
  return loader.script(
    'ours-login',
    login('/api/auth/sign-in/approle', { role_id: roleId, secret_id: secretId }),
  );
}

/** The same at a peer, by its role `bench`. */
export async function peerLogin(loader: Loader, address: string, token: string): Promise<string> {
  const headers = { 'X-Vault-Token': token };
  const role = `${address}/v1/auth/approle/role/bench`;
  const id = await call(`${role}/role-id`, { method: 'GET', headers });
  const secret = await call(`${role}/secret-id`, { method: 'POST', headers, body: {} });
  const { role_id: roleId } = id['data'] as Readonly<Record<string, unknown>>;
  const { secret_id: secretId } = secret['data'] as Readonly<Record<string, unknown>>;
  return loader.script(
    'peer-login',
    login('/v1/auth/approle/login', { role_id: roleId, secret_id: secretId }),
  );
}

function mix(
  head: string,
  ask: { readonly read: string; readonly write: string; readonly list: string },
): string {
  return `${head}
${JSON_TYPE}local at, n = 0, 0
function request()
at = (at + 1) % 100
n = (n + 1) % ${SECRETS}
if at < ${READS} then return ${ask.read} end
if at < ${READS + WRITES} then return ${ask.write} end
return ${ask.list}
end
`;
}

function login(path: string, body: object): string {
  return `${JSON_TYPE}function request()
return wrk.format("POST", "${path}", nil, '${JSON.stringify(body)}')
end
`;
}

async function call(
  url: string,
  { body, headers, method }: { method: string; headers: Record<string, string>; body?: object },
): Promise<Readonly<Record<string, unknown>>> {
  const response = await fetch(url, {
    method,
    headers: { ...headers, 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok)
    throw new Error(`${method} ${new URL(url).pathname} answered ${response.status}`);
  return (await response.json()) as Readonly<Record<string, unknown>>;
}
