import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { SecureContextOptions } from 'node:tls';

import { StrongroomError } from '../errors.ts';
import { asStrongroomError } from '../core/unforeseen.ts';
import { tls } from '../lib/node-http.ts';
import { OUTSIDERS, requirePrivateMode } from '../lib/private-mode.ts';
import { translateFileError } from '../store/file-errors.ts';

/** Where certificate and key lie. */
export interface TlsFiles {
  /** PEM: the server's certificate, then those that lead to its authority. */
  readonly certificate: string;
  /** PEM, readable by its owner alone. */
  readonly key: string;
}

/** Who is told how reading the files again went. */
export interface TlsWatcher {
  readonly renew: (context: SecureContextOptions) => void;
  readonly renewed?: (() => void) | undefined;
  readonly failed?: ((error: StrongroomError) => void) | undefined;
}

const EVERY_MS = 1000;

/**
 * Reads certificate and key, and checks that they belong together.
 *
 * @throws {@link StrongroomError} `file_not_found`; `key_file_exposed` if others can read the key;
 * `invalid_input` if they are not what they have to be. None repeats anything of a file.
 */
export function readTlsFiles({ certificate, key }: TlsFiles): SecureContextOptions {
  const stat = statSync(key, { throwIfNoEntry: false });
  if (stat !== undefined) requirePrivateMode(stat, { path: key, what: 'the TLS key' }, OUTSIDERS);
  const context = { cert: read(certificate), key: read(key) };
  try {
    tls().createSecureContext(context);
    const leaf = new X509Certificate(context.cert);
    if (Date.parse(leaf.validTo) > Date.now()) return context;
  } catch {
    // What OpenSSL says may repeat parts of the file.
    throw new StrongroomError('invalid_input', 'certificate and key are not a pair in PEM', {
      details: { certificate, key },
    });
  }
  throw new StrongroomError('invalid_input', 'the certificate has expired', {
    details: { certificate },
  });
}

/**
 * Looks every second whether the files changed; connections from then on get
 * what is in them. A file that is broken leaves everything as it was.
 *
 * @returns Ends it.
 */
export function watchTlsFiles(files: TlsFiles, watcher: TlsWatcher): () => void {
  let known = stampOf(files);
  const timer = setInterval(() => {
    const now = stampOf(files);
    if (now === known) return;
    known = now;
    try {
      watcher.renew(readTlsFiles(files));
      watcher.renewed?.();
    } catch (error) {
      watcher.failed?.(asStrongroomError(error));
    }
  }, EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** Not through inotify, which a link that is exchanged, as in Kubernetes, does not tell of. */
function stampOf({ certificate, key }: TlsFiles): string {
  return [certificate, key]
    .map((path) => {
      try {
        const { mtimeMs, size, ino } = statSync(path);
        return `${mtimeMs} ${size} ${ino}`;
      } catch {
        return 'none';
      }
    })
    .join(', ');
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code !== 'ENOENT') throw translateFileError(cause);
    throw new StrongroomError('file_not_found', `there is no file ${path}`, { details: { path } });
  }
}
