import { readMetrics, type VaultMetrics } from '../../core/operations/read-metrics.ts';
import { unauthenticated } from '../../core/denials.ts';
import type { UnsealedVault } from '../../core/vault.ts';
import type { Answer } from '../answer.ts';
import type { Page } from '../page.ts';
import { callerOf } from '../rest/rest-face.ts';
import { METRICS_TYPE } from './registry.ts';

/** Options of {@link metricsPage}. */
export interface MetricsPageOptions {
  readonly vault: () => UnsealedVault | undefined;
  /** Everything, with what the vault says; while it is sealed, without. */
  readonly text: (vault: VaultMetrics | undefined) => string;
  /** Whether anyone may have them. Default: who may read `sys/metrics`. */
  readonly isOpen?: boolean | undefined;
  /** Milliseconds, never set back. */
  readonly clock?: (() => number) | undefined;
}

/** Open numbers are looked up so often at most, however often they are asked for. */
const OPEN_MS = 5000;

/** The page `/metrics`. Who asks is on record, unless it is open to anyone. */
export function metricsPage(options: MetricsPageOptions): Page {
  const { vault, text, isOpen = false, clock = () => performance.now() } = options;
  let known: { readonly at: number; readonly numbers: VaultMetrics } | undefined;
  const anyone = async (from: UnsealedVault): Promise<VaultMetrics> => {
    if (known === undefined || clock() - known.at > OPEN_MS) {
      known = { at: clock(), numbers: await from.call(readMetrics, from.systemCaller(), {}) };
    }
    return known.numbers;
  };
  return async ({ head, ip, request }): Promise<Answer> => {
    const from = vault();
    if (from === undefined) {
      // Nobody's rights can be told; those who need none are told that it is sealed.
      if (!isOpen) throw unauthenticated('the vault is sealed');
      return textAnswer(text(undefined));
    }
    // While nothing can be put on record the look itself could not be.
    if (isOpen) return textAnswer(text(from.isBlocked ? known?.numbers : await anyone(from)));
    return textAnswer(text(await from.call(readMetrics, callerOf(head, { ip }), {}, { request })));
  };
}

function textAnswer(body: string): Answer {
  return { status: 200, headers: { 'Content-Type': METRICS_TYPE }, body };
}
