import type { UnsealedVault } from '../core/vault.ts';
import type { Page } from './page.ts';
import { openApi } from './rest/openapi.ts';
import { allRoutes, callerOf } from './rest/rest-face.ts';

/**
 * The page that describes every address, for anyone: it is the same for every
 * server of a version. Whoever asks is counted as for any other address.
 */
export function openApiPage(version: string, vault: () => UnsealedVault | undefined): Page {
  let body: string | undefined;
  return async ({ head, ip }) => {
    await vault()?.admit(callerOf(head, { ip }));
    body ??= JSON.stringify(openApi(allRoutes(), version));
    return { status: 200, headers: { 'Content-Type': 'application/json' }, body };
  };
}
