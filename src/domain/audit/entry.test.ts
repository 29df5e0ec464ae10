import { describe, expect, it } from 'vitest';
import { ENTRY_MEMBERS, hasEntryMembersOnly } from './entry-members.ts';
import { formatEntry, parseEntry, type EntryFields } from './entry.ts';

const PLACE = { log: '01989b1c-5d0a-7000-8000-000000000001', seq: 7, time: '2026-11-02T10:00:00Z' };

/** Every field there is. */
const FIELDS: Required<EntryFields> = {
  request: 'r',
  action: 'secrets.read',
  outcome: 'ok',
  actor: 'a',
  actorName: 'ada',
  actorKind: 'user',
  session: 's',
  ip: '192.0.2.1',
  userAgent: 'u',
  face: 'library',
  workspace: 'default',
  workspaceId: 'w',
  environment: 'production',
  environmentId: 'e',
  path: 'p',
  secretId: 'i',
  version: 1,
  revision: 2,
  commit: 'c',
  detail: 'd',
  decision: 'allow',
  rule: 'g',
  reason: 'denied',
  count: 3,
  state: 't',
  checkpoint: 'n',
};

describe('entries', () => {
  it('have, with every field set, the members of the list and no others, in order', () => {
    const line = formatEntry(FIELDS, PLACE);
    expect(Object.keys(parseEntry(line, 0))).toStrictEqual([...ENTRY_MEMBERS]);
    expect([...ENTRY_MEMBERS].toSorted()).toStrictEqual([...ENTRY_MEMBERS]);
  });

  it('have no members for fields that are not set', () => {
    const line = formatEntry({ request: 'r', action: 'a', outcome: 'failed' }, PLACE);
    expect(Object.keys(parseEntry(line, 0))).toStrictEqual(
      'action log outcome request salt seq time v'.split(' '),
    );
  });

  it('that are damaged are audit_tampered, by their index', () => {
    const line = formatEntry(FIELDS, PLACE);
    const damaged = [
      '',
      'null',
      '7',
      '"v"',
      '[1]',
      line.slice(0, -1),
      line.replace('"v":1', '"v":1x'),
    ];
    for (const body of [...damaged, line.replace('"v":1', '"v":{}')]) {
      expect(() => parseEntry(body, 41)).toThrow(
        expect.objectContaining({ code: 'audit_tampered', details: { index: 41 } }),
      );
    }
  });

  it('are not of other members, nor of values that are no text or number', () => {
    expect(hasEntryMembersOnly({ action: 'a', v: 1 })).toBe(true);
    for (const bad of [{ value: 'x' }, { kind: 'entry' }, { path: null }, { path: ['p'] }]) {
      expect(hasEntryMembersOnly({ v: 1, ...bad })).toBe(false);
    }
  });
});
