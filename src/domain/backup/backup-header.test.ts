import { createSecretKey } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { uuidv7 } from '../../lib/ids.ts';
import {
  formatHeader,
  keysOf,
  parseHeader,
  wrapFileKey,
  type BackupHeader,
} from './backup-header.ts';
import { factsOf } from './verify-file.ts';

const id = uuidv7();
const fileKey = new Uint8Array(32).fill(1);
const of = { id, vault: id, rootKeyId: id };
const slot = { id, kind: 'keyfile', params: '{}', root_key_id: id, wrapped: new Uint8Array(60) };
const header: BackupHeader = {
  ...of,
  createdAt: 8.64e15,
  schema: 2,
  generation: 0,
  auditLog: id,
  auditSize: 0,
  auditKeys: '',
  secrets: 0,
  versions: 0,
  signedBy: '',
  slots: [slot],
  fileKey: wrapFileKey(createSecretKey(fileKey), fileKey, of),
};

function parsed(changes: Partial<BackupHeader>): BackupHeader {
  const text = formatHeader({ ...header, ...changes }, keysOf(fileKey, id));
  return parseHeader(text).header;
}

describe('the header of a backup', () => {
  it('is taken apart as it was put together, up to the last moment that there is', () => {
    expect(parsed({})).toEqual(header);
    expect(factsOf(parsed({}), 0, new Uint8Array()).createdAt).toBe('+275760-09-13T00:00:00.000Z');
  });

  it.each<[string, Partial<BackupHeader>]>([
    ['a time that no date has', { createdAt: 9e15 }],
    ['a time before 1970', { createdAt: -1 }],
    ['a number that is none', { auditSize: 1.5 }],
    ['a kind of slot that would write on the screen', { slots: [{ ...slot, kind: '\u001b[2J' }] }],
    ['a slot without an id', { slots: [{ ...slot, id: 'x' }] }],
    ['more slots than a vault has', { slots: Array.from({ length: 1025 }, () => slot) }],
  ])('is refused with %s', (_, changes) => {
    expect(() => parsed(changes)).toThrow(expect.objectContaining({ code: 'backup_damaged' }));
  });
});
