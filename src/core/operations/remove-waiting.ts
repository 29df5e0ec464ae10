import { consumeToken, findTokenById } from '../../domain/identities/tokens.ts';
import type { Call } from '../operation.ts';

/** Takes away the row of what nobody went on with: it is over, or another one takes its place. */
export async function removeWaiting(call: Call, id: string): Promise<void> {
  const row = await findTokenById(call, id);
  if (row !== undefined) await consumeToken(call, row);
}
