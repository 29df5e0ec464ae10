import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { pemBlocks } from '../lib/pem.ts';
import { temporaryDirectory } from './temporary-vault.ts';

/** A certificate and where its key is. */
export interface Issued {
  readonly pem: string;
  readonly der: Uint8Array;
  readonly keyFile: string;
  readonly certificateFile: string;
}

/** What a certificate is to be like. */
export interface Wanted {
  /** Common name. Default `app`. */
  readonly name?: string;
  /** Default: signed by itself. */
  readonly by?: Issued;
  readonly serial?: number;
  /** Lines of extensions. */
  readonly extensions?: readonly string[];
  /** A key that is there already. Default: a new one. */
  readonly keyFile?: string;
  /** As `openssl genpkey` takes it. Default: P-256. */
  readonly key?: readonly string[];
  readonly hash?: 'sha1' | 'sha256' | 'sha384';
}

/** Extensions of an authority. */
export const AUTHORITY: readonly string[] = [
  'basicConstraints=critical,CA:TRUE',
  'keyUsage=critical,keyCertSign,cRLSign',
];

/** Extensions of a client of the name `app.example`. */
export const CLIENT: readonly string[] = [
  'basicConstraints=critical,CA:FALSE',
  'keyUsage=critical,digitalSignature',
  'extendedKeyUsage=clientAuth',
  'subjectAltName=DNS:app.example,URI:spiffe://prod/app',
];

const HOUR_MS = 3_600_000;
const P256 = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];

/** Makes certificates, valid for 30 days from now, and lists of revoked ones. */
export class CertificateWorkshop {
  readonly #directory: string = temporaryDirectory();
  #count = 0;

  /** Makes a certificate. */
  make({ name = 'app', by, serial, extensions = CLIENT, keyFile, key, hash }: Wanted): Issued {
    this.#count += 1;
    const own = keyFile ?? this.#path('key');
    if (keyFile === undefined) openssl(['genpkey', ...(key ?? P256), '-out', own]);
    const request = this.#path('csr');
    const config = this.#write('cnf', '[req]\ndistinguished_name=dn\n[dn]\n');
    openssl([
      'req',
      '-new',
      '-key',
      own,
      '-subj',
      `/CN=${name}`,
      '-config',
      config,
      '-out',
      request,
    ]);
    const file = this.#path('pem');
    const signer =
      by === undefined ? ['-signkey', own] : ['-CA', by.certificateFile, '-CAkey', by.keyFile];
    const ext = this.#write('ext', extensions.join('\n'));
    const number = String(serial ?? 1000 + this.#count);
    const how = [...signer, '-set_serial', number, '-days', '30', `-${hash ?? 'sha256'}`];
    openssl(['x509', '-req', '-in', request, ...how, '-extfile', ext, '-out', file]);
    const pem = readFileSync(file, 'utf8');
    const [der = new Uint8Array()] = pemBlocks(pem, 'CERTIFICATE');
    return { pem, der, keyFile: own, certificateFile: file };
  }

  /** Makes a list of revoked serial numbers in PEM, valid for so many hours from a moment. */
  list(
    by: Issued,
    {
      revoked = [],
      from = Date.now(),
      hours = 24,
      extensions = [],
    }: {
      revoked?: readonly number[];
      from?: number;
      hours?: number;
      extensions?: readonly string[];
    } = {},
  ): string {
    this.#count += 1;
    const lines = revoked.map((serial) => {
      const hex = serial.toString(16).toUpperCase();
      return `R\t400101000000Z\t200101000000Z\t${hex.length % 2 === 0 ? hex : `0${hex}`}\tunknown\t/CN=x\n`;
    });
    const database = this.#write('index', lines.join(''));
    this.#write('index.attr', 'unique_subject=no\n');
    const config = this.#write(
      'ca',
      `[ca]\ndefault_ca=d\n[d]\ndatabase=${database}\ndefault_md=sha256\n[x]\n${extensions.join('\n')}\n`,
    );
    const file = this.#path('crl');
    const signer = ['-cert', by.certificateFile, '-keyfile', by.keyFile];
    const dates = ['-crl_lastupdate', time(from), '-crl_nextupdate', time(from + hours * HOUR_MS)];
    const more = extensions.length === 0 ? [] : ['-crlexts', 'x'];
    openssl(['ca', '-gencrl', '-config', config, ...signer, ...dates, ...more, '-out', file]);
    return readFileSync(file, 'utf8');
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #path(kind: string): string {
    return join(this.#directory, `${this.#count}.${kind}`);
  }

  #write(kind: string, text: string): string {
    const path = this.#path(kind);
    writeFileSync(path, text);
    return path;
  }
}

function openssl(args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** As in `20261122150000Z`. */
function time(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replaceAll(/[-T:]/g, '')}Z`;
}
