import { describe, expect, it } from 'vitest';

import { PageBound } from './page-bound.ts';

const endless = expect.objectContaining({ code: 'unreachable' }) as Error;

describe('a list that goes on by pages', () => {
  it('goes on for as long as each page begins somewhere else, and ends with the last', () => {
    const pages = new PageBound();
    expect(['a', 'b', 'c'].map((next) => pages.after(next, [1]))).toEqual(['a', 'b', 'c']);
    expect(pages.after(undefined, [])).toBe(undefined);
  });

  it('does not go round', () => {
    const pages = new PageBound();
    for (const next of [3, 2, 1]) pages.after(next, [1]);
    expect(() => pages.after(3, [1])).toThrow(endless);
  });

  it('has not many pages in a row without anything, and a few are none too many', () => {
    const pages = new PageBound();
    let asked = 0;
    expect(() => {
      for (; asked < 1_000_000; asked += 1) pages.after(asked, []);
    }).toThrow(endless);
    expect(asked).toBeGreaterThan(5000);
    expect(asked).toBeLessThan(50_000);
    const others = new PageBound();
    for (let page = 0; page < 50_000; page += 1) others.after(page, page % 2 === 0 ? [] : [page]);
  });

  it('is not without end, whatever is on it', () => {
    const pages = new PageBound();
    expect(() => {
      for (let page = 0; page < 1_000_000; page += 1) pages.after(page, [page]);
    }).toThrow(endless);
  });
});
