import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

/** The first JSON document that a process writes. */
export async function firstDocument(
  child: ChildProcess,
): Promise<Readonly<Record<string, unknown>>> {
  let text = '';
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    text += line;
    try {
      return JSON.parse(text) as Readonly<Record<string, unknown>>;
    } catch {
      // It goes on over several lines.
    }
  }
  throw new Error('the server did not start');
}
