import { StrongroomError, type ErrorCode, type ErrorDetails } from '../errors.ts';
import { memberName } from '../lib/wire.ts';

const CODE = /^[a-z][a-z0-9_]{0,63}$/;

/** What a server says of a failure, as an error of ours. */
export function failureOf(response: Response, json: unknown): StrongroomError {
  const { code, detail, hint, details } = (json ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof code !== 'string' || !CODE.test(code) || typeof detail !== 'string') {
    return new StrongroomError(
      'unreachable',
      `the server answered with status ${response.status}`,
      {
        hint: 'what answers there is no Strongroom, or something stands in between',
      },
    );
  }
  const after = Number(response.headers.get('retry-after') ?? Number.NaN);
  // A server newer than this has codes that are not known here.
  return new StrongroomError(code as ErrorCode, detail, {
    ...(typeof hint === 'string' ? { hint } : {}),
    details: {
      ...detailsOf(details),
      ...(after >= 0 && Number.isFinite(after) ? { retryAfter: after } : {}),
    },
  });
}

/** Facts under the names that they have here. */
function detailsOf(details: unknown): ErrorDetails {
  if (typeof details !== 'object' || details === null || Array.isArray(details)) return {};
  return Object.fromEntries(
    Object.entries(details as ErrorDetails).map(([name, fact]) => [memberName(name), fact]),
  );
}

/** JSON, or `undefined` for what is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What there is to say of a connection that failed: how it goes on, and a way out. */
type Fault = readonly [reason: string, said: string, hint: string];

const NOT_THERE: Fault = [
  'not_there',
  'cannot be reached',
  'look whether it runs, and whether the address is right',
];
const LATE: Fault = ['late', 'did not answer in time', NOT_THERE[2]];
const UNTRUSTED: Fault = [
  'untrusted',
  'has a certificate of an authority that is not trusted here',
  'NODE_EXTRA_CA_CERTS=ca.pem in the environment names a file with the authority that is to be trusted',
];

/** By the code of what failed, as Node gives it (nodejs.org/api/errors.html, and OpenSSL's X509_V_ERR_*). */
const FAULTS: Readonly<Record<string, Fault>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  CERT_HAS_EXPIRED: [
    'expired',
    'has a certificate that is over',
    'whoever runs it has to renew the certificate; look at the clock of this machine too',
  ],
  CERT_NOT_YET_VALID: [
    'not_yet_valid',
    'has a certificate that is not valid yet',
    'look at the clock of this machine',
  ],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    'other_name',
    'has a certificate for another name',
    'use the name that the certificate is for',
  ],
  ERR_SSL_WRONG_VERSION_NUMBER: [
    'no_tls',
    'does not speak TLS at this address',
    'without TLS the address begins with http://',
  ],
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: [
    'old_tls',
    'speaks another version of TLS',
    'it has to speak TLS 1.2 at least',
  ],
  UND_ERR_SOCKET: [
    'closed',
    'ended the connection without an answer',
    'look whether it runs; where it speaks TLS, the address begins with https://',
  ],
};

/** Without what failed itself: that names the headers, which have the token. */
export function unreachable(url: string, cause: unknown): StrongroomError {
  const { host } = new URL(url);
  const [reason, said, hint] = faultOf(cause);
  return new StrongroomError('unreachable', `the server at ${host} ${said}`, {
    details: { host, reason },
    hint,
  });
}

function faultOf(failure: unknown): Fault {
  if (!(failure instanceof Error)) return NOT_THERE;
  if (failure.name === 'TimeoutError') return LATE;
  const code: unknown = (failure.cause as { readonly code?: unknown } | undefined)?.code;
  const isKnown = typeof code === 'string' && Object.hasOwn(FAULTS, code);
  return isKnown ? (FAULTS[code] ?? NOT_THERE) : NOT_THERE;
}
