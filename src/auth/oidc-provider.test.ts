import { describe, expect, it } from 'vitest';

import { utf8 } from '../lib/bytes.ts';
import { OidcProviders } from './oidc-provider.ts';

const ISSUER = 'https://idp.example';
const gone = { code: 'unreachable' };

/** An issuer that answers or does not, and a clock. */
class Outside {
  now = Date.parse('2026-11-23T00:00:00Z');
  asked = 0;
  isThere = false;
  document: Readonly<Record<string, unknown>> = {
    issuer: ISSUER,
    authorization_endpoint: `${ISSUER}/authorize`,
    token_endpoint: `${ISSUER}/token`,
    jwks_uri: `${ISSUER}/keys`,
  };
  readonly #providers: OidcProviders = new OidcProviders(() => this.now);

  of(): ReturnType<OidcProviders['of']> {
    return this.#providers.of(ISSUER, async () => {
      this.asked += 1;
      await Promise.resolve();
      if (!this.isThere) throw new Error('nobody answers');
      return utf8(JSON.stringify(this.document));
    });
  }
}

describe('a provider', () => {
  it('that cannot be got is asked again after five seconds, and not before', async () => {
    const outside = new Outside();
    await expect(outside.of()).rejects.toMatchObject(gone);
    outside.isThere = true;
    for (const later of [0, 1, 4998]) {
      outside.now += later;
      await expect(outside.of()).rejects.toMatchObject(gone);
    }
    expect(outside.asked).toBe(1);
    outside.now += 1;
    expect(await outside.of()).toMatchObject({ issuer: ISSUER });
    expect(outside.asked).toBe(2);
  });

  it('whose document is of no use is asked again no sooner than one that cannot be got', async () => {
    const outside = new Outside();
    outside.isThere = true;
    outside.document = { ...outside.document, issuer: 'https://other.example' };
    await expect(outside.of()).rejects.toMatchObject(gone);
    await expect(outside.of()).rejects.toMatchObject(gone);
    expect(outside.asked).toBe(1);
    outside.now += 5000;
    await expect(outside.of()).rejects.toMatchObject(gone);
    expect(outside.asked).toBe(2);
  });

  it('that fails for many at once is asked once', async () => {
    const outside = new Outside();
    const ended = await Promise.allSettled(Array.from({ length: 20 }, () => outside.of()));
    expect(ended.map(({ status }) => status)).toEqual(Array(20).fill('rejected'));
    expect(outside.asked).toBe(1);
  });

  it('that was got is kept for ten minutes', async () => {
    const outside = new Outside();
    outside.isThere = true;
    await outside.of();
    outside.now += 10 * 60_000 - 1;
    outside.isThere = false;
    expect(await outside.of()).toMatchObject({ issuer: ISSUER });
    expect(outside.asked).toBe(1);
    outside.now += 1;
    await expect(outside.of()).rejects.toMatchObject(gone);
    expect(outside.asked).toBe(2);
  });
});
