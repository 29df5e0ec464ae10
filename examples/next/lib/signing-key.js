// Whatever runs in a browser and imports this ends the build.
import 'server-only';

import { createHmac } from 'node:crypto';

import { connect } from 'strongroom/client';

let following;

/** The values that follow what changes in the vault, from the first time that they are asked for. */
function values() {
  // Not where the module is loaded: `next build` loads it too, and has no secrets.
  const { STRONGROOM_ADDR, STRONGROOM_TOKEN } = process.env;
  following ??= connect({ address: STRONGROOM_ADDR, token: STRONGROOM_TOKEN })
    .environment('production')
    .follow({ only: ['SIGNING_KEY'] })
    .catch((error) => {
      following = undefined;
      throw error;
    });
  return following;
}

/** Signs a text. Pages and routes get the signature; the key stays here. */
export async function sign(text) {
  const key = (await values()).get('SIGNING_KEY');
  try {
    return createHmac('sha256', key.reveal()).update(text).digest('hex');
  } finally {
    key.wipe();
  }
}
