import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import type { TlsFiles } from '../../src/http/tls-files.ts';

/** Makes a certificate of a name, signed by itself, and its key. */
export function makeCertificate(directory: string, name: string): TlsFiles {
  const files = {
    certificate: join(directory, `${name}.pem`),
    key: join(directory, `${name}.key`),
  };
  const options = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=${name} -addext subjectAltName=DNS:localhost`;
  const out = ['-keyout', files.key, '-out', files.certificate];
  execFileSync('openssl', [...options.split(' '), ...out], { stdio: 'ignore' });
  return files;
}
