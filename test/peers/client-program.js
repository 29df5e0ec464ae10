// What is asked of the client in every place where it runs: plain JavaScript,
// since browsers run it as it is.

const MARKER = 'mArKeR-c11e';
const place = (path) => ({ environment: 'production', path });
const codeOf = (error) => error?.code ?? String(error);
const equal = (a, b) => a.length === b.length && a.every((byte, at) => byte === b[at]);

/** Every way in which a value might come to be shown. */
function shown(value) {
  const texts = [`${value}`, String(value), JSON.stringify(value), JSON.stringify({ value })];
  texts.push(JSON.stringify(Object.entries(value)), JSON.stringify({ ...value }));
  try {
    texts.push(JSON.stringify(structuredClone(value)));
  } catch {
    // It cannot be copied.
  }
  return texts.join(' ');
}

/**
 * @param client - `connect`, `SecretValue` and `StrongroomError` of the client.
 * @param at - `address` and `token` of a server, and `silent`, an address where nobody ever answers.
 * @returns Each thing that was asked, and whether it was so.
 */
export async function exercise(
  { connect, SecretValue, StrongroomError },
  { address, token, silent },
) {
  const found = {};
  const client = connect({ address, token });
  const { version } = await client.secrets.write({ ...place('a/TEXT'), value: `${MARKER} ü 日本` });
  found['writes'] = version === 1;
  const { value } = await client.secrets.read(place('a/TEXT'));
  found['reads text'] = value instanceof SecretValue && value.reveal() === `${MARKER} ü 日本`;
  console.log(value, { value }, [value]);
  found['shows no value'] = !shown(value).includes(MARKER) && shown(value).includes('[secret]');

  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  await client.secrets.write({ ...place('a/BYTES'), value: bytes });
  const read = await client.secrets.read(place('a/BYTES'));
  found['carries bytes'] = equal(read.value.revealBytes(), bytes);
  await client.secrets.write({ ...place('FIELDS'), value: { user: 'app', password: MARKER } });
  const fields = (await client.secrets.read(place('FIELDS'))).fields;
  found['carries fields'] = fields.password.reveal() === MARKER;
  value.wipe();
  found['wipes'] = !(
    await Promise.resolve()
      .then(() => value.reveal())
      .catch(() => '')
  ).includes(MARKER);

  const { secrets } = await client.secrets.list({ environment: 'production' });
  const names = secrets.map(({ path }) => path).toSorted();
  found['lists'] = JSON.stringify(names) === '["FIELDS","a/BYTES","a/TEXT"]';
  const own = await client.environment('production').get('a/TEXT');
  found['has environments'] = own.reveal().startsWith(MARKER);

  const { promise: renewed, resolve: changed } = Promise.withResolvers();
  const values = await client.environment('production').follow({ only: ['a/TEXT'], changed });
  await client.secrets.write({ ...place('a/TEXT'), value: `${MARKER} another` });
  const paths = await Promise.race([renewed, new Promise((end) => setTimeout(end, 10_000, []))]);
  found['has the values of now'] =
    paths[0] === 'a/TEXT' && values.get('a/TEXT').reveal() === `${MARKER} another`;
  await values.close();
  found['follows no longer than it is to'] = !values.isFollowing;

  const tagged = await client.secrets.read({ ...place('a/TEXT'), ifNoneMatch: '' });
  const again = await client.secrets.read({ ...place('a/TEXT'), ifNoneMatch: tagged.etag });
  found['asks what is unchanged'] = again.unchanged === true && again.etag === tagged.etag;
  const idempotencyKey = crypto.randomUUID();
  const once = () =>
    client.secrets
      .write({ ...place('ONCE'), value: 'x' }, { idempotencyKey })
      .then((it) => it.version);
  found['writes once with one key'] = (await once()) === 1 && (await once()) === 1;

  const missing = await client.secrets.read(place('NONE')).catch((error) => error);
  found['has codes'] = missing instanceof StrongroomError && missing.code === 'secret_not_found';
  const nobody = await connect({ address }).secrets.read(place('a/TEXT')).catch(codeOf);
  found['is nobody without a token'] = nobody === 'unauthenticated';
  const wrong = await connect({ address, token: `sr_token_${MARKER}` })
    .secrets.read(place('a/TEXT'))
    .catch((error) => error);
  found['repeats no token in an error'] =
    wrong.code === 'unauthenticated' &&
    !`${wrong.message} ${wrong.stack} ${wrong.hint}`.includes(MARKER);
  const clear = await Promise.resolve()
    .then(() => connect({ address: 'http://secrets.example', token }))
    .catch(codeOf);
  found['sends nothing in clear to others'] = clear === 'invalid_input';
  let signed = 0;
  const signIn = async () => {
    signed += 1;
    return { token, expiresAt: null };
  };
  const signing = connect({ address, signIn });
  await Promise.all([signing.auth.whoAmI(), signing.auth.whoAmI()]);
  found['signs in once'] = signed === 1;

  const slow = connect({ address: silent, token, retries: 0, timeoutMs: 300 });
  const begun = Date.now();
  const late = await slow.secrets.read(place('a/TEXT')).catch((error) => error);
  found['does not wait for ever'] =
    late.code === 'unreachable' && late.message.includes('in time') && Date.now() - begun < 10_000;
  const controller = new AbortController();
  const reason = new RangeError('enough');
  const waiting = slow.secrets
    .read(place('a/TEXT'), { signal: controller.signal, timeoutMs: 20_000 })
    .catch((error) => error);
  setTimeout(() => controller.abort(reason), 50);
  found['ends when it is told to'] = (await waiting) === reason;
  const before = client.secrets.read(place('a/TEXT'), { signal: AbortSignal.abort(reason) });
  found['does not begin when it is told so before'] =
    (await before.catch((error) => error)) === reason;
  return found;
}
