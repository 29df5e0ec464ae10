import { describe, expect, it } from 'vitest';
import { uuidv7 } from '../../lib/ids.ts';
import { logIdOf, originOf } from './log-origin.ts';

describe('the origin of a log', () => {
  it('is made of its id, and gives it back', () => {
    const id = uuidv7();
    expect(originOf(id)).toBe(`strongroom/${id}`);
    expect(logIdOf(originOf(id))).toBe(id);
  });

  it('has a log id only if it is one of Strongroom', () => {
    const id = uuidv7();
    for (const origin of [
      '',
      id,
      `other/${id}`,
      'strongroom/',
      `strongroom/${id}/`,
      'strongroom/x',
    ]) {
      expect(logIdOf(origin), origin).toBeUndefined();
    }
  });
});
