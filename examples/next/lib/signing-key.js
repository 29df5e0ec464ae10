// Whatever runs in a browser and imports this ends the build.
import 'server-only';

import { createHmac } from 'node:crypto';

import { connect } from 'strongroom/client';

const place = { environment: 'production', path: 'SIGNING_KEY' };

let client;
let current;
let lookedAt = 0;

/** The key as the vault has it: looked at again once it is older than `REFRESH_MS`. */
async function signingKey() {
  // Not where the module is loaded: `next build` loads it too, and has no secrets.
  const { STRONGROOM_ADDR, STRONGROOM_TOKEN, REFRESH_MS = '60000' } = process.env;
  client ??= connect({ address: STRONGROOM_ADDR, token: STRONGROOM_TOKEN });
  if (current !== undefined && Date.now() - lookedAt < Number(REFRESH_MS)) return current.value;
  const answer = await client.secrets.read({ ...place, ifNoneMatch: current?.etag ?? '' });
  if (!answer.unchanged) current = answer;
  lookedAt = Date.now();
  return current.value;
}

/** Signs a text. Pages and routes get the signature; the key stays here. */
export async function sign(text) {
  const key = await signingKey();
  return createHmac('sha256', key.reveal()).update(text).digest('hex');
}
