import type { UnsealedVault } from '../core/vault.ts';
import { utf8 } from '../lib/bytes.ts';
import type { Page } from './page.ts';
import { openApi } from './rest/openapi.ts';
import { allRoutes, callerOf } from './rest/rest-face.ts';

/**
 * The page that describes every address, for anyone: it is the same for every
 * server of a version. Whoever asks is counted as for any other address.
 */
export function openApiPage(version: string, vault: () => UnsealedVault | undefined): Page {
  // As bytes: of a text, each answer under way would hold a copy.
  let body: Uint8Array | undefined;
  return async ({ head, ip }) => {
    await vault()?.admit(callerOf(head, { ip }));
    body ??= utf8(JSON.stringify(openApi(allRoutes(), version)));
    return { status: 200, headers: { 'Content-Type': 'application/json' }, body };
  };
}
