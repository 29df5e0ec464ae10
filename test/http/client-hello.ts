import { randomBytes } from '../../src/crypto/random.ts';

/** A part of a hello by its name, instead of what is right there. */
export interface HelloParts {
  readonly version?: number;
  readonly random?: Uint8Array;
  readonly sessionId?: Uint8Array;
  readonly ciphers?: Uint8Array;
  readonly compression?: Uint8Array;
  /** Extensions besides, or instead of one of the same number, as their number and body. */
  readonly extensions?: readonly (readonly [number: number, body: Uint8Array])[];
  /** The bytes of all extensions with their length. */
  readonly tail?: Uint8Array;
}

/** Numbers of extensions (RFC 8446 §4.2, RFC 6066, RFC 7301). */
export const EXTENSION = {
  serverName: 0,
  groups: 10,
  signatures: 13,
  alpn: 16,
  preSharedKey: 41,
  earlyData: 42,
  versions: 43,
  pskModes: 45,
  keyShare: 51,
} as const;

const X25519 = 0x001d;

/** Bytes as hexadecimal has them. */
export const hex = (text: string): Uint8Array => Buffer.from(text, 'hex');

/** Parts one after the other. */
export const join = (...parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts);

/** A number in so many bytes. */
export function number(value: number, bytes: number): Uint8Array {
  const out = Buffer.alloc(bytes);
  out.writeUIntBE(value, 0, bytes);
  return out;
}

/** Bytes behind their length, which takes so many bytes. */
export const sized = (lengthBytes: number, ...parts: readonly Uint8Array[]): Uint8Array => {
  const body = join(...parts);
  return join(number(body.length, lengthBytes), body);
};

/** A record (RFC 8446 §5.1): type 22 is a handshake. */
export function record(body: Uint8Array, type: number = 22, version: number = 0x0301): Uint8Array {
  return join(number(type, 1), number(version, 2), sized(2, body));
}

/** A message of a handshake (RFC 8446 §4): type 1 is a hello. */
export function message(body: Uint8Array, type: number = 1): Uint8Array {
  return join(number(type, 1), sized(3, body));
}

/** The body of `server_name` with one name. */
export function serverName(name: Uint8Array | string, type: number = 0): Uint8Array {
  return sized(2, number(type, 1), sized(2, Buffer.from(name)));
}

/** The body of a ClientHello (RFC 8446 §4.1.2) that a server answers, but for what is given. */
export function helloBody(parts: HelloParts = {}): Uint8Array {
  const { version = 0x0303, random = randomBytes(32), sessionId = randomBytes(32) } = parts;
  const { ciphers = hex('130113021303'), compression = hex('00'), extensions = [] } = parts;
  const own = new Map<number, Uint8Array>([
    [EXTENSION.serverName, serverName('localhost')],
    [EXTENSION.groups, sized(2, number(X25519, 2))],
    [EXTENSION.signatures, sized(2, hex('0403080408050401'))],
    [EXTENSION.versions, sized(1, hex('0304'))],
    [EXTENSION.keyShare, sized(2, number(X25519, 2), sized(2, randomBytes(32)))],
  ]);
  for (const [name] of extensions) own.delete(name);
  const all = [...own, ...extensions].map(([name, body]) => join(number(name, 2), sized(2, body)));
  return join(
    number(version, 2),
    random,
    sized(1, sessionId),
    sized(2, ciphers),
    sized(1, compression),
    parts.tail ?? sized(2, ...all),
  );
}

/** A ClientHello in one record. */
export const hello = (parts?: HelloParts): Uint8Array => record(message(helloBody(parts)));
