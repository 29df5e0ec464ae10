import { describe, expect, it } from 'vitest';

import { BodyBudget } from './body-budget.ts';

const tooMuch = expect.objectContaining({ code: 'rate_limited' }) as Error;

describe('L5 A56 what bodies hold while they are on their way', () => {
  it('is bounded for one address, of IPv6 for its network, and free again once they are there', () => {
    const budget = new BodyBudget({ ofOne: 10, total: 100 });
    const share = budget.begin('2001:db8::1');
    share.take(6);
    share.take(4);
    expect(() => budget.begin('2001:db8::2').take(1)).toThrow(tooMuch);
    budget.begin('192.0.2.1').take(10);
    share.giveBack();
    share.giveBack();
    budget.begin('2001:db8::2').take(10);
    expect(() => budget.begin('2001:db8::3').take(1)).toThrow(tooMuch);
  });

  it('is bounded in all, whoever sends', () => {
    const budget = new BodyBudget({ ofOne: 10, total: 25 });
    const shares = [1, 2].map((last) => budget.begin(`192.0.2.${last}`));
    for (const share of shares) share.take(10);
    const third = budget.begin('192.0.2.3');
    third.take(5);
    expect(() => third.take(1)).toThrow(tooMuch);
    shares[0]?.giveBack();
    third.take(5);
  });
});
