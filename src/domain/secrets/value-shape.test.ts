import { generateKeyPairSync } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { shapeWarnings } from './value-shape.ts';
import { toRecord, type ValueInput } from './value.ts';

const warnings = (type: string, value: ValueInput): readonly string[] =>
  shapeWarnings(type, toRecord(value));
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
const publicPem = publicKey.export({ type: 'spki', format: 'pem' });
const broken = pem.replace(/\n.{4}/, '\nAAAA');
const notCertificate = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

describe('the shape of a value', () => {
  it.each<[type: string, what: string, value: ValueInput, isFine: boolean]>([
    ['generic', 'anything', '', true],
    ['password', 'anything', 'x', true],
    ['toString', 'anything', 'x', true],
    ['certificate', 'a word', 'hunter2', false],
    ['certificate', 'a damaged certificate', notCertificate, false],
    ['certificate', 'a private key', pem, true],
    ['certificate', 'fields with a key', { cert: publicPem, key: pem }, true],
    ['certificate', 'bytes', new Uint8Array(9), false],
    ['jwt_secret', 'too short', 'x'.repeat(31), false],
    ['jwt_secret', 'long enough', 'x'.repeat(32), true],
    ['jwt_secret', 'a private key', pem, true],
    ['jwt_secret', 'a key pair', { privateKey: pem, publicKey: publicPem }, true],
    ['ssh_key', 'a word', 'hunter2', false],
    ['ssh_key', 'a private key', pem, true],
    ['ssh_key', 'a damaged private key', broken, false],
    ['ssh_key', 'a key pair', { publicKey: publicPem, privateKey: pem }, true],
    ['ssh_key', 'a public key alone', publicPem, false],
    ['database_credential', 'a URL', 'postgres://ada:x@db/app', true],
    ['database_credential', 'JDBC', 'jdbc:postgresql://db/app', true],
    ['database_credential', 'a connection string', 'host=db password=x', true],
    ['database_credential', 'a word', 'hunter2', false],
    ['database_credential', 'fields', { user: 'ada', password: 'x' }, true],
    ['database_credential', 'fields without a password', { user: 'ada' }, false],
    ['encryption_key', 'too short', 'x'.repeat(15), false],
    ['encryption_key', 'long enough', new Uint8Array(16), true],
  ])('of type %s, %s', (type, _what, value, isFine) => {
    expect(warnings(type, value)).toHaveLength(isFine ? 0 : 1);
  });

  it('is told without anything of the value', () => {
    for (const type of ['certificate', 'jwt_secret', 'ssh_key', 'database_credential']) {
      expect(warnings(type, 'hunter2').join()).not.toContain('hunter2');
    }
  });
});
