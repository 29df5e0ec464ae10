// Flips single bits of a vault and reads everything that is left:
// `node test/faults/bit-rot.ts [flips [seed]]`. Row F8 of the fault tests.
import { fork } from 'node:child_process';
import { createHash, randomInt } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

import { open, StrongroomError, type Session, type Vault } from '../../src/index.ts';
import type { RowMac } from '../../src/store/row-mac.ts';
import { flipInRow } from './flip-in-row.ts';
import { valueOf } from './ledger.ts';
import { environment, type Place } from './places.ts';
import { answersOf, findProbes, type Probe } from './probes.ts';
import { makeWholeVault, rowFaults, type Expected } from './whole-vault.ts';

/**
 * Whose bits are flipped. `database` is the file of a vault that was closed in
 * good order, `rows` what is stored in its rows, and `wal` was left by a kill.
 */
export type Rotten = 'database' | 'rows' | 'wal' | 'key' | 'checkpoint';

/** What came of one flip. */
export interface Outcome {
  /** `harmless`: everything was read right; `wrong`: a defect; otherwise a code of ours. */
  readonly result: string;
  readonly detail: string;
}

const FLIPS_DEFAULT = 10_000;

/** How many of the flips are for what, in hundredths. */
const SHARES: readonly (readonly [kind: Rotten, percent: number])[] = [
  ['database', 50],
  ['rows', 20],
  ['wal', 20],
  ['key', 5],
  ['checkpoint', 5],
];

/** Numbers that look random and are the same again for the same seed. */
export class Dice {
  readonly #seed: string;
  #count = 0;

  constructor(seed: string) {
    this.#seed = seed;
  }

  /** A whole number from 0 to below `end`. */
  below(end: number): number {
    const hash = createHash('sha256')
      .update(`${this.#seed} ${(this.#count += 1)}`)
      .digest();
    return hash.readUIntBE(0, 6) % end;
  }
}

/** Vaults to copy and damage, and what they hold. */
export class Specimens implements Disposable {
  readonly #root: string;
  #expected: Expected = new Map();
  #mac: RowMac | undefined;
  #probes: readonly Probe[] = [];
  #answers: readonly (string | undefined)[] = [];

  private constructor(root: string) {
    this.#root = root;
  }

  /** Makes the vaults, in memory if the machine lets us. */
  static async make(): Promise<Specimens> {
    const memory = '/dev/shm';
    const base = existsSync(memory) ? memory : tmpdir();
    const specimens = new Specimens(mkdtempSync(join(base, 'strongroom-bit-rot-')));
    await specimens.#build();
    return specimens;
  }

  async #build(): Promise<void> {
    const place = this.#place('wal');
    const { parts, expected } = await makeWholeVault(place);
    this.#expected = expected;
    this.#mac = parts.mac;
    await this.#checkpointOutside(place, parts.as('ada'));
    // As a kill would leave them: the newest changes are in the -wal file alone.
    cpSync(join(this.#root, 'wal'), join(this.#root, 'killed'), { recursive: true });
    await parts.vault.close();
    cpSync(join(this.#root, 'wal'), join(this.#root, 'database'), { recursive: true });
    rmSync(join(this.#root, 'wal'), { recursive: true });
    cpSync(join(this.#root, 'killed'), join(this.#root, 'wal'), { recursive: true });
    rmSync(join(this.#root, 'wal', 'vault', 'vault.db-shm'), { force: true });
    await this.#learnAnswers();
  }

  /** What an undamaged vault answers; what is not the same twice is asked, and not compared. */
  async #learnAnswers(): Promise<void> {
    const vault = await open(this.#copy('database', 'learn'));
    this.#probes = await findProbes(vault.as({ principal: 'ada' }));
    await vault.close();
    const first = await this.#answersOfCopy();
    // Longer than what answers round times to.
    await sleep(1100);
    const second = await this.#answersOfCopy();
    this.#answers = first.map((answer, index) => (answer === second[index] ? answer : undefined));
  }

  /** The answers of an undamaged copy, asked in the order of a look. */
  async #answersOfCopy(): Promise<readonly (string | undefined)[]> {
    await using vault = await open(this.#copy('database', 'learn'));
    return await this.#ask(
      vault.as({ principal: 'ada' }),
      async (_what, call) => void (await call()),
      [],
    );
  }

  async #ask(
    session: Session,
    attempt: (what: string, call: () => Promise<unknown>) => Promise<void>,
    wrong: string[],
  ): Promise<readonly (string | undefined)[]> {
    await this.#readAll(session, attempt, wrong);
    await attempt('verify', () => session.audit.verify());
    return answersOf(session, this.#probes, attempt);
  }

  /** The changes of the last second are not known outside yet, and a lost -wal file hides them. */
  async #checkpointOutside(place: Place, session: Session): Promise<void> {
    const file = this.#fileOf('checkpoint', place);
    const before = readFileSync(file, 'utf8');
    await session.secrets.list({ environment });
    while (readFileSync(file, 'utf8') === before) await sleep(20);
  }

  #place(name: string): Place {
    return {
      path: join(this.#root, name, 'vault'),
      configDirectory: join(this.#root, name, 'config'),
    };
  }

  #fileOf(kind: Rotten, place: Place): string {
    if (kind === 'database' || kind === 'rows') return join(place.path, 'vault.db');
    if (kind === 'wal') return join(place.path, 'vault.db-wal');
    const vaults = join(place.configDirectory, 'strongroom', 'vaults');
    return join(vaults, readdirSync(vaults)[0] ?? '', kind === 'key' ? 'master.key' : 'checkpoint');
  }

  /** Reads everything in a copy without any damage. */
  untouched(kind: Rotten): Promise<Outcome> {
    return this.look(this.#copy(kind));
  }

  #copy(kind: Rotten, name = 'copy'): Place {
    const from = join(this.#root, kind === 'wal' ? 'wal' : 'database');
    rmSync(join(this.#root, name), { recursive: true, force: true });
    cpSync(from, join(this.#root, name), { recursive: true });
    return this.#place(name);
  }

  /** Flips one bit of a copy and reads everything. */
  async flip(kind: Rotten, dice: Dice): Promise<Outcome & { readonly where: string }> {
    const place = this.#copy(kind);
    const file = this.#fileOf(kind, place);
    if (kind === 'rows') {
      const where = flipInRow(file, dice);
      return { ...(await this.look(place)), where };
    }
    const bytes = readFileSync(file);
    const bit = dice.below(bytes.length * 8);
    const index = Math.floor(bit / 8);
    bytes[index] = (bytes[index] ?? 0) ^ (1 << (bit % 8));
    writeFileSync(file, bytes);
    return { ...(await this.look(place)), where: `bit ${bit}` };
  }

  /** Reads everything in a vault and says whether it is as it was, and if not, what noticed. */
  async look(place: Place): Promise<Outcome> {
    const noticed: string[] = [];
    const wrong: string[] = [];
    const attempt = async (what: string, call: () => Promise<unknown>): Promise<void> => {
      try {
        await call();
      } catch (error) {
        if (error instanceof StrongroomError) noticed.push(error.code);
        else wrong.push(`${what}: ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
      }
    };
    let vault: Vault | undefined;
    await attempt('open', async () => {
      vault = await open({ ...place, waitMs: 0 });
    });
    if (vault === undefined) return outcomeOf(noticed, wrong, true);
    const session = vault.as({ principal: 'ada' });
    const answers = await this.#ask(session, attempt, wrong);
    await attempt('checksums', async () => {
      const { damaged } = await session.secrets.verifyChecksums();
      if (damaged.length > 0) noticed.push('checksums: damaged');
    });
    await attempt('health', async () => {
      const { damage } = await session.health.read({ deep: true });
      if (damage.length > 0) noticed.push('health: damaged');
    });
    await attempt('close', () => vault?.close() ?? Promise.resolve());
    const isSame = this.#answers.every((each, n) => each === undefined || each === answers[n]);
    const outcome = outcomeOf(noticed, wrong, isSame);
    return outcome.result === 'harmless' ? this.#lookAtRows(place) : outcome;
  }

  /** The rows that no operation of above asked for. */
  #lookAtRows(place: Place): Outcome {
    using db = new DatabaseSync(join(place.path, 'vault.db'), { readOnly: true });
    if (this.#mac === undefined) throw new TypeError('it was built');
    const [fault] = rowFaults(db, this.#mac);
    return { result: fault === undefined ? 'harmless' : 'row check', detail: fault ?? '' };
  }

  async #readAll(
    session: Session,
    attempt: (what: string, call: () => Promise<unknown>) => Promise<void>,
    wrong: string[],
  ): Promise<void> {
    const reads = [...this.#expected].flatMap(([path, versions]) =>
      Array.from({ length: versions + 1 }, (_, index) =>
        attempt('read', async () => {
          // Version 0 stands for the current one.
          const version = index === 0 ? undefined : index;
          const found = await session.secrets.read({ environment, path, version });
          if (found.value?.reveal() === valueOf(path, version ?? versions)) return;
          wrong.push(`${path}@${index}: wrong value`);
        }),
      ),
    );
    await Promise.all(reads);
  }

  [Symbol.dispose](): void {
    rmSync(this.#root, { recursive: true, force: true });
  }
}

/**
 * Absence alone notices nothing: something else has to say that the vault is
 * damaged. That everything is denied says it too, as nothing is given out then.
 */
function outcomeOf(
  noticed: readonly string[],
  wrong: readonly string[],
  isSameAnswer: boolean,
): Outcome {
  if (wrong.length > 0) return { result: 'wrong', detail: wrong.join('\n') };
  const absences = ['secret_not_found', 'version_not_found', 'environment_not_found'];
  const telling = noticed.find((code) => !absences.includes(code));
  if (telling !== undefined) return { result: telling, detail: '' };
  if (noticed.length > 0)
    return { result: 'wrong', detail: `only noticed by ${[...new Set(noticed)].join()}` };
  return isSameAnswer
    ? { result: 'harmless', detail: '' }
    : { result: 'wrong', detail: 'another answer, and nothing noticed it' };
}

/** What came of many flips of one kind. */
export interface Rot {
  readonly kind: Rotten;
  readonly counts: Readonly<Record<string, number>>;
  readonly wrong: readonly string[];
}

/** Flips bits at random, one at a time, and counts what came of it. */
export async function rot(
  specimens: Specimens,
  kind: Rotten,
  { flips, seed }: { readonly flips: number; readonly seed: string },
): Promise<Rot> {
  const dice = new Dice(`${seed} ${kind}`);
  const counts: Record<string, number> = {};
  const wrong: string[] = [];
  for (let count = 0; count < flips; count += 1) {
    const { result, detail, where } = await specimens.flip(kind, dice);
    counts[result] = (counts[result] ?? 0) + 1;
    if (result === 'wrong') wrong.push(`${kind} ${where}: ${detail}`);
  }
  return { kind, counts, wrong };
}

/** One line about the counts. */
export function describeRot({ kind, counts }: Rot): string {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const parts = Object.entries(counts)
    .toSorted((a, b) => b[1] - a[1])
    .map(([result, count]) => `${result} ${((count / total) * 100).toFixed(1)} %`);
  return `${kind}: ${total} flips, ${parts.join(', ')}`;
}

/** Lets one process flip its part of the bits, on a vault of its own. */
function rotInProcess(flips: number, seed: string): Promise<readonly Rot[]> {
  return new Promise((resolve, reject) => {
    const child = fork(import.meta.filename, ['--part', String(flips), seed]);
    let found: readonly Rot[] | undefined;
    child.on('message', (message) => (found = message as readonly Rot[]));
    child.on('close', (code) => {
      if (found === undefined) reject(new Error(`a part ended with ${code} and no result`));
      else resolve(found);
    });
  });
}

/** Flips of each kind in one process. */
async function rotAll(flips: number, seed: string): Promise<readonly Rot[]> {
  using specimens = await Specimens.make();
  const all: Rot[] = [];
  for (const [kind, percent] of SHARES) {
    all.push(await rot(specimens, kind, { flips: Math.ceil((flips * percent) / 100), seed }));
  }
  return all;
}

function sumOf(kind: Rotten, parts: readonly Rot[]): Rot {
  const counts: Record<string, number> = {};
  const ofKind = parts.filter((part) => part.kind === kind);
  for (const [result, count] of ofKind.flatMap((part) => Object.entries(part.counts))) {
    counts[result] = (counts[result] ?? 0) + count;
  }
  return { kind, counts, wrong: ofKind.flatMap((part) => part.wrong) };
}

async function main(flips: number, seed: string): Promise<void> {
  const processes = availableParallelism();
  const began = performance.now();
  process.stdout.write(`seed ${seed}\n`);
  const parts = await Promise.all(
    Array.from({ length: processes }, (_, index) =>
      rotInProcess(Math.ceil(flips / processes), `${seed}.${index}`),
    ),
  );
  let [passed, failed] = [0, 0];
  for (const [kind] of SHARES) {
    const sum = sumOf(kind, parts.flat());
    process.stdout.write(`${describeRot(sum)}\n`);
    for (const each of sum.wrong.slice(0, 10)) process.stdout.write(`${each.slice(0, 400)}\n`);
    failed += sum.wrong.length;
    passed += Object.values(sum.counts).reduce((a, b) => a + b, 0) - sum.wrong.length;
  }
  process.stdout.write(`${Math.round((performance.now() - began) / 1000)} s\n`);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}

if (import.meta.main) {
  const [flips, seed] = process.argv.slice(process.argv[2] === '--part' ? 3 : 2);
  if (process.argv[2] === '--part') process.send?.(await rotAll(Number(flips), seed ?? ''));
  else await main(Number(flips ?? FLIPS_DEFAULT), seed ?? String(randomInt(2 ** 32)));
}
