import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { keyDigestOf } from '../../auth/client-certificate.ts';
import { toBase64 } from '../../lib/base64.ts';
import { AUTHORITY, CertificateWorkshop, CLIENT, type Issued } from '../../testing/certificates.ts';
import { remoteSession } from '../../testing/remote-session.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import type { Session } from '../session.ts';
import type { MachineSignedIn } from './machine-session.ts';
import type { CertificateTrust } from './trusts.ts';

const DAY_MS = 86_400_000;
const at = { environment: 'production', path: 'db/password' };
const refused = { code: 'unauthenticated' };

let workshop: CertificateWorkshop;
let authority: Issued;
let client: Issued;
let place: TemporaryVault;
let parts: OpenParts;
let owner: Session;
let now = 0;

beforeAll(() => {
  workshop = new CertificateWorkshop();
  authority = workshop.make({ name: 'root', extensions: AUTHORITY });
  client = workshop.make({ by: authority, serial: 4711 });
});
afterAll(() => {
  workshop.remove();
});
beforeEach(async () => {
  now = Date.now() + 60_000;
  place = await makeTemporaryVault();
  parts = await openParts(place, { now: () => now });
  owner = parts.as(OWNER);
  await owner.secrets.write({ ...at, value: 'v' });
});
afterEach(async () => {
  await parts.vault.close();
  place.remove();
});

const trust = (more: Partial<CertificateTrust> = {}, name = 'app'): Promise<{ id: string }> =>
  owner.trusts.create({
    trust: { kind: 'certificate', authorities: authority.pem, names: ['dns:app.example'], ...more },
    machine: name,
    environment: 'production',
  });

const signIn = (certificate: Uint8Array | undefined): Promise<MachineSignedIn> =>
  remoteSession(parts, certificate === undefined ? {} : { certificate }).auth.signInCertificate();

const pin = ({ der }: Issued): string => toBase64(keyDigestOf(der) ?? new Uint8Array());

/** What becomes of certificates that must all be refused alike. */
async function answersTo(
  given: Readonly<Record<string, Uint8Array | undefined>>,
): Promise<unknown> {
  const found: Record<string, unknown> = {};
  for (const [name, der] of Object.entries(given)) {
    found[name] = await signIn(der).then(
      () => 'let in',
      (error: unknown) => (error as { code: string }).code,
    );
  }
  return found;
}

const all = (given: object): Record<string, string> =>
  Object.fromEntries(Object.keys(given).map((name) => [name, 'unauthenticated']));

describe('a client certificate', () => {
  it('signs a machine in, and its session goes with its key alone', async () => {
    const { id } = await trust();
    const session = await signIn(client.der);
    expect(session.subject).toBe('machine:app');
    const [entry] = (await owner.audit.query({ action: 'auth.signInCertificate' })).entries;
    expect(entry).toMatchObject({ actor_name: 'app', method: id, detail: 'dns:app.example' });
    const { token: credential } = session;
    const own = remoteSession(parts, { credential, certificate: client.der });
    expect(await own.secrets.read(at)).toMatchObject({ version: 1 });
    const renewed = workshop.make({ by: authority, keyFile: client.keyFile });
    const after = remoteSession(parts, { credential, certificate: renewed.der });
    expect(await after.secrets.read(at)).toMatchObject({ version: 1 });
    const sibling = workshop.make({ by: authority, serial: 4711 });
    for (const certificate of [undefined, sibling.der, new Uint8Array([0x30, 0])]) {
      const other = remoteSession(parts, {
        credential,
        ...(certificate === undefined ? {} : { certificate }),
      });
      await expect(other.secrets.read(at)).rejects.toMatchObject(refused);
    }
  });

  it('A19 is held against its authority, its dates, its purpose and its key', async () => {
    await trust();
    const stranger = workshop.make({ name: 'root', extensions: AUTHORITY });
    const intermediate = workshop.make({ name: 'middle', by: authority, extensions: AUTHORITY });
    const CA_FALSE = ['basicConstraints=critical,CA:FALSE', 'keyUsage=critical,digitalSignature'];
    const names = 'subjectAltName=DNS:app.example';
    const eku = 'extendedKeyUsage=clientAuth';
    const given = {
      'no certificate': undefined,
      'no bytes': new Uint8Array(),
      'other bytes': Buffer.from('certificate'),
      'bytes behind it': Buffer.concat([client.der, Buffer.from([0])]),
      'same name and serial number of another authority of the same name': workshop.make({
        by: stranger,
        serial: 4711,
      }).der,
      'the same without a word on which of them': workshop.make({
        by: stranger,
        extensions: [...CLIENT, 'subjectKeyIdentifier=none', 'authorityKeyIdentifier=none'],
      }).der,
      'signed by itself': workshop.make({ serial: 4711 }).der,
      'signed by a client': workshop.make({ by: client }).der,
      'signed by an authority between that is not listed': workshop.make({ by: intermediate }).der,
      'the authority itself': authority.der,
      'an authority of the name': workshop.make({
        by: authority,
        extensions: [...AUTHORITY, names, eku],
      }).der,
      'for servers': workshop.make({
        by: authority,
        extensions: [...CA_FALSE, names, 'extendedKeyUsage=serverAuth'],
      }).der,
      'for any purpose': workshop.make({ by: authority, extensions: [...CA_FALSE, names] }).der,
      'of another name': workshop.make({
        by: authority,
        extensions: [...CA_FALSE, eku, 'subjectAltName=DNS:app.example.com'],
      }).der,
      'of the name in another kind': workshop.make({
        by: authority,
        extensions: [...CA_FALSE, eku, 'subjectAltName=URI:app.example'],
      }).der,
      'of the name as common name': workshop.make({
        name: 'app.example',
        by: authority,
        extensions: [...CA_FALSE, eku],
      }).der,
      'with a critical extension that is not understood': workshop.make({
        by: authority,
        extensions: [...CLIENT, '1.2.3.4=critical,ASN1:UTF8String:x'],
      }).der,
      'with a short key': workshop.make({
        by: authority,
        key: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'],
      }).der,
      'signed by SHA-1': workshop.make({ by: authority, hash: 'sha1' }).der,
    };
    expect(await answersTo(given)).toEqual(all(given));
    await signIn(client.der);
    await signIn(workshop.make({ by: authority, hash: 'sha384' }).der);
    now += 31 * DAY_MS;
    expect(await answersTo({ expired: client.der })).toEqual({ expired: 'unauthenticated' });
    now -= 62 * DAY_MS;
    expect(await answersTo({ early: client.der })).toEqual({ early: 'unauthenticated' });
  });

  it('A19 is not trusted by an authority that is none', async () => {
    const weak = workshop.make({
      name: 'weak',
      extensions: AUTHORITY,
      key: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'],
    });
    const cases: readonly Partial<CertificateTrust>[] = [
      { authorities: client.pem },
      { authorities: weak.pem },
      { authorities: 'no certificate' },
      { authorities: `${authority.pem}${client.pem}` },
      { names: undefined },
      { keys: [pin(client)] },
      { authorities: undefined },
      { crls: 'no list' },
      { authorities: undefined, keys: [pin(client)], crls: workshop.list(authority) },
    ];
    for (const [index, more] of cases.entries()) {
      await expect(trust(more), `${index}`).rejects.toMatchObject({ code: 'invalid_input' });
    }
  });

  it('A19 is told from another of the same name and serial number by its key', async () => {
    const own = workshop.make({ serial: 1 });
    await trust({ authorities: undefined, names: undefined, keys: [pin(own)] });
    const given = {
      'same name and number': workshop.make({ serial: 1 }).der,
      'another of the authority': client.der,
    };
    expect(await answersTo(given)).toEqual(all(given));
    await signIn(own.der);
    await signIn(workshop.make({ serial: 2, keyFile: own.keyFile }).der);
    for (const days of [31, -62]) {
      now += days * DAY_MS;
      await expect(signIn(own.der)).rejects.toMatchObject(refused);
    }
  });

  it('that fits two trusts signs in nobody', async () => {
    await trust();
    await trust({ names: ['uri:spiffe://prod/app'] }, 'other');
    await expect(signIn(client.der)).rejects.toMatchObject(refused);
    const one = remoteSession(parts, { certificate: client.der });
    expect((await one.auth.signInCertificate({ method: 'other' })).subject).toBe('machine:other');
  });
});

describe('A20 a revocation list', () => {
  const DATED = { hours: 48 };

  it('is there, is of the authority and is valid, or nobody signs in', async () => {
    await trust({ crls: workshop.list(authority, DATED) });
    await signIn(client.der);
    now += 3 * DAY_MS;
    await expect(signIn(client.der)).rejects.toMatchObject(refused);
    await owner.trusts.renew({ name: 'app', crls: workshop.list(authority, { from: now - 1000 }) });
    await signIn(client.der);
    const stranger = workshop.make({ name: 'root', extensions: AUTHORITY });
    const other = workshop.make({ name: 'other', extensions: AUTHORITY });
    for (const crls of [
      workshop.list(stranger, { from: now - 1000 }),
      workshop.list(other, { from: now - 1000 }),
      workshop.list(authority, { from: now + DAY_MS }),
      workshop.list(authority, { from: now - 2 * DAY_MS }),
    ]) {
      await owner.trusts.renew({ name: 'app', crls });
      await expect(signIn(client.der)).rejects.toMatchObject(refused);
    }
  });

  it('keeps out who is on it, also when it is out of date, and ends their sessions', async () => {
    await trust({ crls: workshop.list(authority, DATED) });
    const { token: credential } = await signIn(client.der);
    const machine = remoteSession(parts, { credential, certificate: client.der });
    await machine.secrets.read(at);
    const crls = workshop.list(authority, { ...DATED, revoked: [4711] });
    await owner.trusts.renew({ name: 'app', crls });
    await expect(signIn(client.der)).rejects.toMatchObject(refused);
    await expect(machine.secrets.read(at)).rejects.toMatchObject(refused);
    await signIn(workshop.make({ by: authority }).der);
    now += 3 * DAY_MS;
    const both = `${crls}${workshop.list(authority, { from: now - 1000 })}`;
    await owner.trusts.renew({ name: 'app', crls: both });
    await expect(signIn(client.der)).rejects.toMatchObject(refused);
  });

  it('that is newer ends what was given if somebody is on it who was not', async () => {
    await trust({ crls: workshop.list(authority, DATED) });
    const { token: credential } = await signIn(client.der);
    const machine = remoteSession(parts, { credential, certificate: client.der });
    await owner.trusts.renew({ name: 'app', crls: workshop.list(authority, DATED) });
    await machine.secrets.read(at);
    const crls = workshop.list(authority, { ...DATED, revoked: [4712] });
    await owner.trusts.renew({ name: 'app', crls });
    await expect(machine.secrets.read(at)).rejects.toMatchObject(refused);
    await signIn(client.der);
  });

  it('that is cut, altered, or says what is not understood is refused where it is given', async () => {
    await trust({ crls: workshop.list(authority, DATED) });
    const good = workshop.list(authority, { ...DATED, revoked: [4711] });
    const lines = good.split('\n');
    const partial = workshop.list(authority, {
      ...DATED,
      extensions: ['issuingDistributionPoint=critical,@p', '[p]', 'onlyuser=TRUE'],
    });
    for (const crls of [
      [lines[0], lines[1], lines.at(-2)].join('\n'),
      good.replaceAll('X509 CRL', 'CERTIFICATE'),
      partial,
    ]) {
      await expect(owner.trusts.renew({ name: 'app', crls })).rejects.toMatchObject({
        code: 'invalid_input',
      });
    }
    await signIn(client.der);
  });
});
