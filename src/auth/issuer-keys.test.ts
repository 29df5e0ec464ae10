import { describe, expect, it } from 'vitest';

import { utf8 } from '../lib/bytes.ts';
import { IssuerKeys } from './issuer-keys.ts';

const MINUTE_MS = 60_000;
const SOURCE = { issuer: 'https://issuer.example', jwksUrl: 'https://issuer.example/keys' };
const KEY = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' };
const gone = { code: 'unreachable' };

/** An issuer that answers or does not, and a clock. */
class Outside {
  now = Date.parse('2026-11-23T00:00:00Z');
  asked = 0;
  isThere = true;
  readonly #keys: IssuerKeys = new IssuerKeys(() => this.now);

  of(kid = 'one'): ReturnType<IssuerKeys['of']> {
    return this.#keys.of(SOURCE, kid, async () => {
      this.asked += 1;
      await Promise.resolve();
      if (!this.isThere) throw new Error('nobody answers');
      return utf8(JSON.stringify({ keys: [{ ...KEY, kid: 'one' }] }));
    });
  }
}

describe('the keys of an issuer', () => {
  it('that cannot be got are asked for again after 30 seconds, and not before', async () => {
    const outside = new Outside();
    outside.isThere = false;
    await expect(outside.of()).rejects.toMatchObject(gone);
    outside.isThere = true;
    for (const later of [0, 1, 29_998]) {
      outside.now += later;
      await expect(outside.of()).rejects.toMatchObject(gone);
    }
    expect(outside.asked).toBe(1);
    outside.now += 1;
    expect(await outside.of()).toEqual({ keys: [{ ...KEY, kid: 'one' }] });
    expect(outside.asked).toBe(2);
  });

  it('are asked for once in 30 seconds for a key that they do not have, whoever names it', async () => {
    const outside = new Outside();
    await outside.of();
    for (const kid of ['two', 'three', 'four']) await outside.of(kid);
    expect(outside.asked).toBe(1);
    outside.now += 30_000;
    for (const kid of ['two', 'three', 'four']) await outside.of(kid);
    expect(outside.asked).toBe(2);
  });

  it('of before are used while the issuer is away, which is asked once in 30 seconds', async () => {
    const outside = new Outside();
    await outside.of();
    outside.isThere = false;
    outside.now += 10 * MINUTE_MS;
    for (let call = 0; call < 3; call += 1) expect((await outside.of()).keys).toHaveLength(1);
    expect(outside.asked).toBe(2);
    outside.now += 30_000;
    for (let call = 0; call < 3; call += 1) expect((await outside.of()).keys).toHaveLength(1);
    expect(outside.asked).toBe(3);
    outside.now += 50 * MINUTE_MS;
    await expect(outside.of()).rejects.toMatchObject(gone);
  });
});
