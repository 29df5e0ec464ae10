import { readFileSync } from 'node:fs';

const CONNECTIONS_MAX = 12_000;
/** For the database, its log, backups, and what else a request opens. */
const RESERVED = 64;
const CONNECTIONS_MIN = 16;

/**
 * How many connections can be had at a time, so that files can still be opened
 * beside them: at most 12,000, and fewer where the process may open few files.
 */
export function connectionsMax(limits: string = limitsOfProcess()): number {
  const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  if (soft === undefined) return CONNECTIONS_MAX;
  return Math.max(CONNECTIONS_MIN, Math.min(CONNECTIONS_MAX, Number(soft) - RESERVED));
}

function limitsOfProcess(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return '';
  }
}
