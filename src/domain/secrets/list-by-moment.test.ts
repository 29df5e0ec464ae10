import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  decodePosition,
  listBinding,
  positionCursor,
  type ListBinding,
} from '../../core/operations/cursor.ts';
import type { Session } from '../../core/session.ts';
import { uuidBytes } from '../../lib/ids.ts';
import { toBase64Url } from '../../lib/base64.ts';
import { checkIntegrity } from '../../store/integrity.ts';
import { limitedUser } from '../../testing/limited-user.ts';
import {
  makeTemporaryVault,
  openParts,
  OWNER,
  type OpenParts,
  type TemporaryVault,
} from '../../testing/temporary-vault.ts';
import { Directory } from '../workspaces/directory.ts';
import type { Work } from '../work.ts';
import { listByMoment } from './list-by-moment.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const START = Date.UTC(2030, 0, 1);

let now = START;
let place: TemporaryVault;
let parts: OpenParts;
let owner: Session;
const ids = new Map<string, string>();

const iso = (ms: number): string => new Date(ms).toISOString();
const environment = 'production';

/** In their order: one that is open, then hidden ones, then another one that is open. */
const PATHS = ['open/a', 'shut/b', 'shut/c', 'shut/d', 'open/e'] as const;

/** Of a list of what expires in all environments. */
async function bindingOf(work: Work, list: string, input: object): Promise<ListBinding> {
  const directory = Directory.from(await checkIntegrity(work.transaction, work.mac));
  return listBinding({ directory }, list, input);
}

beforeAll(async () => {
  place = await makeTemporaryVault({ now: () => now });
  parts = await openParts(place, { now: () => now });
  owner = parts.as(OWNER);
  for (const [n, path] of PATHS.entries()) {
    const expiresAt = iso(START + (n + 1) * DAY_MS);
    const rotation = `every ${n + 1}d`;
    const made = await owner.secrets.create({ environment, path, value: 'v', expiresAt, rotation });
    ids.set(path, made.id);
  }
  for (const path of ['open/1', 'shut/2']) {
    now += 1000;
    await owner.secrets.create({ environment, path, value: 'v' });
    await owner.secrets.delete({ environment, path });
  }
});
afterAll(async () => {
  await parts.vault.close();
  place.remove();
});

describe('a page of a list by a moment', () => {
  it('A30 A35 does not tell by a next one that something hidden follows', async () => {
    const who = await limitedUser(parts, ['list', 'default/production/open/**']);
    const page = { environment, limit: 1 };
    for (const days of [2, 3, 4, 5]) {
      // From none to all of the hidden ones are in the range, and the last open one never.
      const found = await who.secrets.expiring({ ...page, before: iso(START + days * DAY_MS) });
      expect(found.secrets.map(({ path }) => path)).toEqual(['open/a']);
      expect(found.next).toBeUndefined();
    }
    expect((await who.secrets.due({ ...page, within: '4d' })).next).toBeUndefined();
    const trash = await who.trash.list(page);
    expect(trash.secrets.map(({ path }) => path)).toEqual(['open/1']);
    expect(trash.next).toBeUndefined();
    const before = iso(START + 30 * DAY_MS);
    const { next } = await who.secrets.expiring({ ...page, before });
    expect(next).toBe(`${START + DAY_MS}.${toBase64Url(uuidBytes(ids.get('open/a') ?? ''))}`);
    const last = await who.secrets.expiring({ ...page, before, cursor: next });
    expect(last.secrets.map(({ path }) => path)).toEqual(['open/e']);
    expect(last.next).toBeUndefined();
  });

  it.each([1, 2, 3, 4])(
    'A30 A35 that ends after %d looks says nothing of the hidden one there, and the next goes on',
    async (looksMax) => {
      const seen: string[] = [];
      const cursors: string[] = [];
      for (let cursor: string | undefined, isOver = false; !isOver; isOver = cursor === undefined) {
        const from = cursor;
        const { rows, next } = await parts.write(async (work) => {
          const directory = Directory.from(await checkIntegrity(work.transaction, work.mac));
          const binding = listBinding({ directory }, 'secrets.expiring', {});
          const found = await listByMoment(
            work,
            directory.environments(directory.workspace('default')),
            {
              by: 'expires_at',
              limit: 10,
              looksMax,
              after: decodePosition(work, from, binding),
              mayList: (_environment, path) => path.startsWith('open/'),
            },
          );
          return { rows: found.rows, next: positionCursor(work, found.next, binding) };
        });
        seen.push(...rows.map(({ row }) => row.path));
        if (next !== undefined) cursors.push(next);
        cursor = next;
      }
      expect(seen).toEqual(['open/a', 'open/e']);
      const told = PATHS.map((path, n) => [path, String(START + (n + 1) * DAY_MS)] as const);
      for (const [path, moment] of told.filter(([each]) => each.startsWith('shut/'))) {
        const id = uuidBytes(ids.get(path) ?? '');
        for (const cursor of cursors) {
          const bytes = Buffer.from(cursor, 'base64url');
          expect(cursor).not.toContain(moment);
          expect(cursor).not.toContain(toBase64Url(id));
          expect(bytes.includes(moment)).toBe(false);
          expect(bytes.includes(id)).toBe(false);
        }
      }
    },
  );

  it('A30 takes no sealed cursor that was altered', async () => {
    const position = { moment: START, id: ids.get('shut/b') ?? '', isHidden: true };
    await parts.write(async (work) => {
      const binding = await bindingOf(work, 'trash.list', {});
      const cursor = positionCursor(work, position, binding) ?? '';
      expect(decodePosition(work, cursor, binding)).toEqual({ moment: START, id: position.id });
      expect(positionCursor(work, position, binding)).not.toBe(cursor);
      for (const at of [0, 15, 30, 60, cursor.length - 2]) {
        const other = cursor[at] === 'A' ? 'B' : 'A';
        const altered = cursor.slice(0, at) + other + cursor.slice(at + 1);
        expect(() => decodePosition(work, altered, binding)).toThrow(
          'the cursor is not one of ours',
        );
      }
    });
  });

  it('A35 A36 takes no sealed cursor of another list, or of one that is narrowed otherwise', async () => {
    const position = { moment: START, id: ids.get('shut/b') ?? '', isHidden: true };
    const before = iso(START + 30 * DAY_MS);
    const cursor = await parts.write(async (work) => {
      const binding = await bindingOf(work, 'secrets.expiring', { environment, before });
      return positionCursor(work, position, binding);
    });
    const who = await limitedUser(parts, ['list', 'default/production/open/**']);
    const { secrets } = await who.secrets.expiring({ environment, before, limit: 9, cursor });
    expect(secrets.map(({ path }) => path)).toEqual(['open/a', 'open/e']);
    for (const refused of [
      who.secrets.expiring({ environment, before: iso(START + 9 * DAY_MS), cursor }),
      who.secrets.expiring({ before, cursor }),
      who.secrets.due({ environment, cursor }),
      who.trash.list({ environment, cursor }),
    ]) {
      await expect(refused).rejects.toMatchObject({ code: 'invalid_input' });
    }
  });
});
