// Runs in a page of the server's origin: what a page of anybody's would do, with nothing but the browser.

/** @typedef {{ status: number, json: any }} Answer */

/**
 * @param {string} target
 * @param {object} body
 * @param {string} [session]
 * @returns {Promise<Answer>}
 */
async function post(target, body, session) {
  const headers = { 'Content-Type': 'application/json' };
  if (session !== undefined) headers['Authorization'] = `Bearer ${session}`;
  const answer = await fetch(`/api/auth/${target}`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  return { status: answer.status, json: await answer.json() };
}

/** Makes a passkey in a session. */
export async function register(session) {
  const { json: begun } = await post('factors/passkey', {}, session);
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(begun.options);
  const made = await navigator.credentials.create({ publicKey });
  const credential = made.toJSON();
  return post(
    'factors/passkey/confirm',
    { challenge: begun.challenge, credential, label: 'a browser' },
    session,
  );
}

/** Uses a passkey for what a server asked for. */
async function use({ options }) {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  const used = await navigator.credentials.get({ publicKey });
  return used.toJSON();
}

/** Signs in with a passkey alone, or after a password. What was sent comes back too. */
export async function signIn(first) {
  const { challenge } = first ?? {};
  const { json: begun } = await post('passkey', challenge === undefined ? {} : { challenge });
  const body = { challenge: begun.challenge, credential: await use(begun) };
  return { ...(await post('verify-passkey', body)), body };
}

/** Gives a password. */
export function givePassword(name, password) {
  return post('sign-in', { name, password });
}

/** Sends once more what was sent before. */
export function replay(body) {
  return post('verify-passkey', body);
}

/** The same answer, with a new challenge. */
export async function replayElsewhere({ credential }) {
  const { json: begun } = await post('passkey', {});
  return post('verify-passkey', { challenge: begun.challenge, credential });
}

/** Proves once more who is there. */
export async function stepUp(session) {
  const { json: begun } = await post('reauthenticate/begin', {}, session);
  const body = { challenge: begun.challenge, credential: await use(begun) };
  return post('reauthenticate/passkey', body, session);
}
