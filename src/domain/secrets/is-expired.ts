import type { SecretRow } from '../../store/tables.ts';

/** Whether the time of a secret is over, which a read does not heed and everybody is told. */
export function isExpired(
  { expires_at: end }: Pick<SecretRow, 'expires_at'>,
  now: number,
): boolean {
  return end !== null && end <= now;
}
