import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { toBase64 } from '../../src/lib/base64.ts';
import { utf8 } from '../../src/lib/bytes.ts';
import type { Report } from './report.ts';
import type { SampleVault } from './sample-vault.ts';
import { lastLine, run, type Ran } from './tools.ts';
import { checkContent, checkHistory, holdsWhole, reportChecks, type Opened } from './vault.ts';

/** Bytes of a full chunk as it stands in the file. */
const CHUNK = 65_536 + 16;
const SIGNATURE = 64;

interface OpenedBackup extends Opened {
  readonly chunks: number;
  /** Where the body begins. */
  readonly body: number;
}

/** A backup made here, verified and opened by a program that knows docs/spec/backup.md. */
export function backupBySpec(
  python: string,
  { made, directory }: { readonly made: SampleVault; readonly directory: string },
  report: Report,
): void {
  const peer = peerOf(python, made);
  const verified = peer('verify', made.backup, []);
  report.check('a backup verifies with the public key alone', verified.ok, lastLine(verified));
  let whole: OpenedBackup | undefined;
  for (const [kind, files] of Object.entries(made.keys)) {
    const opened = peer('open', made.backup, [kind, ...files]);
    const read = opened.ok ? (JSON.parse(opened.stdout) as OpenedBackup) : undefined;
    const holds = read !== undefined && holdsWhole(read);
    report.check(`the ${kind} slot opens a backup, by the spec`, holds, lastLine(opened));
    if (kind === 'keyfile') whole = read;
  }
  const empty = peer('open', made.emptyBackup, ['keyfile', ...(made.keys['keyfile'] ?? [])]);
  const isWhole = empty.ok && holdsWhole(JSON.parse(empty.stdout) as OpenedBackup);
  report.check('a backup without secrets opens, by the spec', isWhole, lastLine(empty));
  opensEarlier(peer, report);
  if (whole === undefined) return;
  reportChecks(whole, 'in a backup', report);
  checkContent(whole, 'in a backup', report);
  checkHistory(whole, 'in a backup', report);
  report.check(`a backup of several chunks (${whole.chunks})`, whole.chunks > 3);
  refusesAltered(peer, { made, directory, body: whole.body }, report);
  refusesForged(peer, { made, directory }, report);
}

/** A backup of schema 2 has fewer tables. */
function opensEarlier(peer: Peer, report: Report): void {
  const golden = join(import.meta.dirname, '..', 'golden', 'backup-1');
  const key = ['keyfile', join(golden, 'master.key')];
  const earlier = peer('unsigned', join(golden, 'vault.backup'), key);
  const read = earlier.ok ? (JSON.parse(earlier.stdout) as OpenedBackup) : undefined;
  const value = read?.secrets['production/db/PASSWORD']?.fields[''];
  const isSame = value === toBase64(utf8('of another workspace'));
  const holds = read !== undefined && holdsWhole(read) && isSame;
  report.check('a backup of schema 2 opens, by the spec', holds, lastLine(earlier));
}

type Peer = (
  what: 'verify' | 'open' | 'unsigned',
  file: string,
  keys: readonly string[],
  publicKey?: string,
) => Ran;

function peerOf(python: string, made: SampleVault): Peer {
  const program = join(import.meta.dirname, 'read_backup.py');
  return (what, file, keys, publicKey = made.backupKey) =>
    run(python, [program, what, file, ...(what === 'unsigned' ? [] : [publicKey]), ...keys]);
}

/** Each is refused by its signature, and again by whoever has the keys and looks at no signature. */
function refusesAltered(
  peer: Peer,
  {
    made,
    directory,
    body,
  }: { readonly made: SampleVault; readonly directory: string; readonly body: number },
  report: Report,
): void {
  const bytes = readFileSync(made.backup);
  const end = bytes.length - SIGNATURE;
  const chunk = (at: number): Buffer => bytes.subarray(body + at * CHUNK, body + (at + 1) * CHUNK);
  const last = body + Math.floor((end - body - 1) / CHUNK) * CHUNK;
  const created = bytes.indexOf('"created_at":') + '"created_at":1'.length;
  const cases: readonly (readonly [string, Buffer, RegExp])[] = [
    ['a flipped bit in the header', flipped(bytes, created), /the header's MAC/],
    ['a flipped bit in the first chunk', flipped(bytes, body), /chunk 0/],
    ['a flipped bit in the last chunk', flipped(bytes, end - 1), /chunk \d/],
    ['one byte less', bytes.subarray(0, -1), /chunk \d/],
    ['one byte more', Buffer.concat([bytes, Buffer.of(0)]), /chunk \d/],
    [
      'one without its last chunk',
      Buffer.concat([bytes.subarray(0, last), bytes.subarray(end)]),
      /chunk \d/,
    ],
    [
      'one with two chunks in the other order',
      Buffer.concat([
        bytes.subarray(0, body),
        chunk(1),
        chunk(0),
        bytes.subarray(body + 2 * CHUNK),
      ]),
      /chunk 0/,
    ],
  ];
  const key = ['keyfile', ...(made.keys['keyfile'] ?? [])];
  for (const [name, altered, reason] of cases) {
    const file = join(directory, 'altered.backup');
    writeFileSync(file, altered);
    const refuses = (how: string, by: Ran, why: RegExp): void =>
      report.check(`${name} is refused by ${how}`, !by.ok && why.test(by.stderr), lastLine(by));
    refuses('its signature', peer('verify', file, []), /refused: the signature/);
    refuses('what it holds', peer('unsigned', file, key), reason);
  }
  const ended = join(directory, 'signature.backup');
  writeFileSync(ended, flipped(bytes, end));
  const signature = peer('verify', ended, []);
  report.check('a flipped bit in the signature is refused', !signature.ok, lastLine(signature));
}

/** A file proves nothing by the key that it names itself. */
function refusesForged(
  peer: Peer,
  { made, directory }: { readonly made: SampleVault; readonly directory: string },
  report: Report,
): void {
  const other = join(directory, 'other.pub');
  const known = readFileSync(made.backupKey, 'utf8');
  writeFileSync(
    other,
    known.replace(/\+(?<digit>[0-9a-f])/, (_, digit) => `+${digit === '0' ? 1 : 0}`),
  );
  const verified = peer('verify', made.backup, [], other);
  report.check(
    'a backup of another key is refused',
    !verified.ok && verified.stderr.includes('signed by another key'),
    lastLine(verified),
  );
}

function flipped(bytes: Buffer, at: number): Buffer {
  const altered = Buffer.from(bytes);
  altered[at] = (altered[at] ?? 0) ^ 1;
  return altered;
}
