import { X509Certificate } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { pemBlocks } from '../lib/pem.ts';
import { AUTHORITY, CertificateWorkshop, type Issued } from '../testing/certificates.ts';
import { certificateParts } from './certificate-parts.ts';
import { certificateFault, keyDigestOf, namesOf, readCertificate } from './client-certificate.ts';
import { parseRevocationList, serialText } from './revocation-list.ts';

let workshop: CertificateWorkshop;
let authority: Issued;
let client: Issued;
let list: Uint8Array;

beforeAll(() => {
  workshop = new CertificateWorkshop();
  authority = workshop.make({ name: 'root', extensions: AUTHORITY });
  client = workshop.make({ by: authority, serial: 0x80_12_34 });
  const [der = new Uint8Array()] = pemBlocks(
    workshop.list(authority, { revoked: [1, 0x80_12_34] }),
    'X509 CRL',
  );
  list = der;
});
afterAll(() => {
  workshop.remove();
});

/** Every copy of some bytes with one of them changed, or cut short after it. */
function* damaged(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1) {
    yield bytes.subarray(0, at);
    for (const bit of [1, 0x80]) {
      const copy = new Uint8Array(bytes);
      copy[at] = (copy[at] ?? 0) ^ bit;
      yield copy;
    }
  }
}

describe('a certificate taken apart', () => {
  it('is what Node reads', () => {
    const parts = certificateParts(client.der);
    const x509 = new X509Certificate(client.der);
    expect(serialText(parts.serial)).toBe(`00${x509.serialNumber.toLowerCase()}`);
    expect(parts.keyInfo).toEqual(
      new Uint8Array(x509.publicKey.export({ type: 'spki', format: 'der' })),
    );
    expect(parts.issuer).toEqual(certificateParts(authority.der).subject);
    expect(namesOf(parts)).toEqual(['dns:app.example', 'uri:spiffe://prod/app']);
    expect(parts.signatureAlgorithm).toBe('1.2.840.10045.4.3.2');
  });

  it('A19 is taken as it was signed, and in no other way; what is wrong fails in one way', () => {
    const rules = {
      authorities: [readCertificate(authority.der)],
      keys: [],
      names: ['dns:app.example'],
      revocationLists: [parseRevocationList(list)],
    };
    const now = Date.now() + 60_000;
    const fault = (bytes: Uint8Array): unknown =>
      certificateFault(readCertificate(bytes), { ...rules, revocationLists: [] }, now);
    expect(fault(client.der)).toBeUndefined();
    expect(certificateFault(readCertificate(client.der), rules, now)).toBe('revoked');
    let read = 0;
    for (const bytes of damaged(client.der)) {
      try {
        expect(fault(bytes)).toBeTypeOf('string');
        read += 1;
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
      keyDigestOf(bytes);
    }
    expect(read).toBeGreaterThan(100);
  });
});

describe('a revocation list taken apart', () => {
  it('has its times and its serial numbers', () => {
    const { serials, thisUpdate, nextUpdate } = parseRevocationList(list);
    expect([...serials]).toEqual(['01', '00801234']);
    expect(nextUpdate - thisUpdate).toBe(24 * 3_600_000);
  });

  it('fails in one way whatever is wrong with it', () => {
    let refused = 0;
    for (const bytes of damaged(list)) {
      try {
        parseRevocationList(bytes);
      } catch (error) {
        refused += 1;
        expect(error).toBeInstanceOf(RangeError);
      }
    }
    expect(refused).toBeGreaterThan(list.length);
  });
});
