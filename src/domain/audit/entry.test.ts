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
  credential: 'k',
  method: 'm',
  target: 'x',
  usesLeft: 4,
};

/** What entries of before `v` 2 do not have. */
const SINCE_2 = ['credential', 'method', 'target', 'usesLeft'] as const;

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

  it.each(SINCE_2)('have v 2 if they have %s, else 1', (name) => {
    const { [name]: value, ...others } = FIELDS;
    const {
      credential: _1,
      method: _2,
      target: _3,
      usesLeft: _4,
      ...first
    } = others as EntryFields;
    expect(parseEntry(formatEntry(first, PLACE), 0).v).toBe(1);
    expect(parseEntry(formatEntry({ ...first, [name]: value }, PLACE), 0).v).toBe(2);
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
      line.replace('"v":2', '"v":2x'),
      line.replace('"v":2', '"v":{}'),
    ];
    expect(parseEntry(line, 41).v).toBe(2);
    for (const body of damaged) {
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

  it('are of one v: 2 with a member that came with it, 1 without any', () => {
    for (const name of ['credential', 'method', 'target', 'uses_left']) {
      expect([name, hasEntryMembersOnly({ v: 2, [name]: 'x' })]).toEqual([name, true]);
      for (const v of [1, 3, '2', undefined]) {
        expect([name, v, hasEntryMembersOnly({ v, [name]: 'x' })]).toEqual([name, v, false]);
      }
    }
    for (const v of [0, 2, 3, '1', undefined]) {
      expect([v, hasEntryMembersOnly({ v, action: 'a' })]).toEqual([v, false]);
    }
  });
});
