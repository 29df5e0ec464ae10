import type { Answer } from './answer.ts';
import { jsonAnswer, type Page, type Pages } from './page.ts';
import type { UnsealedVault } from '../core/vault.ts';

/** What the server says of itself to anyone. */
export type Readiness = 'ready' | 'sealed' | 'audit_blocked' | 'ending';

/** Options of {@link healthPages}. */
export interface HealthPagesOptions {
  readonly vault: () => UnsealedVault | undefined;
  /** Whether the server takes no more requests. */
  readonly isEnding: () => boolean;
}

const UNAVAILABLE = 503;

/** Whether the process lives, and whether requests should be sent to it: for orchestrators, without a credential. */
export function healthPages(options: HealthPagesOptions): Pages {
  const live: Page = () => jsonAnswer(200, { status: 'live' });
  const ready: Page = () => readiness(options);
  return {
    '/health/live': { GET: live, HEAD: live },
    '/health/ready': { GET: ready, HEAD: ready },
  };
}

function readiness({ vault, isEnding }: HealthPagesOptions): Answer {
  const open = vault();
  const status: Readiness = isEnding()
    ? 'ending'
    : open === undefined
      ? 'sealed'
      : open.isBlocked
        ? 'audit_blocked'
        : 'ready';
  return jsonAnswer(status === 'ready' ? 200 : UNAVAILABLE, { status });
}
