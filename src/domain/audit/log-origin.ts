import { isUuid } from '../../lib/ids.ts';

const ORIGIN_PREFIX = 'strongroom/';

/** The origin of a log. */
export function originOf(logId: string): string {
  return `${ORIGIN_PREFIX}${logId}`;
}

/** The log id of an origin, or `undefined` if it is not one of Strongroom's. */
export function logIdOf(origin: string): string | undefined {
  const logId = origin.slice(ORIGIN_PREFIX.length);
  return origin.startsWith(ORIGIN_PREFIX) && isUuid(logId) ? logId : undefined;
}
