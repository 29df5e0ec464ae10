import { join } from 'node:path';

import { fernetDecrypt, fernetEncrypt, generateFernetKey } from '../../src/crypto/fernet.ts';
import { toBase64 } from '../../src/lib/base64.ts';
import type { Report } from './report.ts';
import { lastLine, run } from './tools.ts';

interface Answer {
  readonly opened: readonly string[];
  readonly key: string;
  readonly tokens: readonly string[];
}

const LENGTHS: readonly number[] = [0, 1, 15, 16, 17, 100, 65_536];

/** Fernet tokens both ways against Python's `cryptography`. */
export function fernet(python: string, report: Report): void {
  const plain = LENGTHS.map((length) => new Uint8Array(length).map((_, at) => (at * 31) % 256));
  const key = generateFernetKey();
  const nowMs = Date.now();
  const input = JSON.stringify({
    tokens: plain.map((bytes) => ({ key, token: fernetEncrypt(key, bytes, { nowMs }) })),
    plain: plain.map(toBase64),
  });
  const peer = run(python, [join(import.meta.dirname, 'fernet_peer.py')], { input });
  report.check('Python reads our Fernet tokens, and makes some', peer.ok, lastLine(peer));
  if (!peer.ok) return;
  const answer = JSON.parse(peer.stdout) as Answer;
  for (const [at, bytes] of plain.entries()) {
    const length = `${bytes.length} bytes`;
    report.check(`our token of ${length}, read by Python`, answer.opened[at] === toBase64(bytes));
    const opened = fernetDecrypt(answer.key, answer.tokens[at] ?? '', { nowMs: Date.now() });
    report.check(`Python's token of ${length}, read by us`, toBase64(opened) === toBase64(bytes));
  }
}
