// Flips single bits of a vault's files and reads everything that is left:
// `node test/faults/bit-rot.ts [flips]`. Row F8 of the fault tests.
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { init, open, StrongroomError, type Session, type Vault } from '../../src/index.ts';
import { valueOf } from './ledger.ts';
import { environment, type Place } from './places.ts';

/** The files whose bits are flipped. `database` is closed in good order, `wal` was left by a kill. */
export type Rotten = 'database' | 'wal' | 'key' | 'checkpoint';

/** What came of one flip. */
export interface Outcome {
  /** `harmless`: everything was read right; `wrong`: a defect; otherwise a code of ours. */
  readonly result: string;
  readonly detail: string;
}

const SECRETS = 12;
const FLIPS_DEFAULT = 10_000;

/** Vaults to copy and damage, and what they hold. */
export class Specimens implements Disposable {
  readonly #root: string;
  readonly #expected: Map<string, number> = new Map();

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
    await init({ ...place, owner: 'ada' });
    const vault = await open(place);
    const session = vault.as({ principal: 'ada', userAgent: 'bit-rot' });
    for (let index = 0; index < SECRETS; index += 1) {
      const path = `group/s${index}`;
      this.#expected.set(path, 1 + (index % 3));
      for (let version = 1; version <= 1 + (index % 3); version += 1) {
        await session.secrets.write({ environment, path, value: valueOf(path, version) });
      }
      await session.secrets.read({ environment, path });
    }
    await this.#checkpointOutside(place, session);
    // As a kill would leave them: the newest changes are in the -wal file alone.
    cpSync(join(this.#root, 'wal'), join(this.#root, 'killed'), { recursive: true });
    await vault.close();
    cpSync(join(this.#root, 'wal'), join(this.#root, 'database'), { recursive: true });
    rmSync(join(this.#root, 'wal'), { recursive: true });
    cpSync(join(this.#root, 'killed'), join(this.#root, 'wal'), { recursive: true });
    rmSync(join(this.#root, 'wal', 'vault', 'vault.db-shm'), { force: true });
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

  /** Size of the file that a kind of flip is about, in bits. */
  bits(kind: Rotten): number {
    const name = kind === 'wal' ? 'wal' : 'database';
    return readFileSync(this.#fileOf(kind, this.#place(name))).length * 8;
  }

  #fileOf(kind: Rotten, place: Place): string {
    if (kind === 'database') return join(place.path, 'vault.db');
    if (kind === 'wal') return join(place.path, 'vault.db-wal');
    const vaults = join(place.configDirectory, 'strongroom', 'vaults');
    return join(vaults, readdirSync(vaults)[0] ?? '', kind === 'key' ? 'master.key' : 'checkpoint');
  }

  /** Reads everything in a copy without any damage. */
  untouched(kind: Rotten): Promise<Outcome> {
    return this.look(this.#copy(kind));
  }

  #copy(kind: Rotten): Place {
    const from = join(this.#root, kind === 'wal' ? 'wal' : 'database');
    rmSync(join(this.#root, 'copy'), { recursive: true, force: true });
    cpSync(from, join(this.#root, 'copy'), { recursive: true });
    return this.#place('copy');
  }

  /** Flips one bit of a copy and reads everything. */
  async flip(kind: Rotten, bit: number): Promise<Outcome> {
    const place = this.#copy(kind);
    const file = this.#fileOf(kind, place);
    const bytes = readFileSync(file);
    const index = Math.floor(bit / 8);
    bytes[index] = (bytes[index] ?? 0) ^ (1 << (bit % 8));
    writeFileSync(file, bytes);
    return this.look(place);
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
    if (vault === undefined) return outcomeOf(noticed, wrong);
    const session = vault.as({ principal: 'ada' });
    await this.#readAll(session, attempt, wrong);
    await attempt('verify', () => session.audit.verify());
    await attempt('entries', () => session.audit.query({ limit: 1000 }));
    await attempt('by path', () => session.audit.query({ path: 'group/s1' }));
    await attempt('health', async () => {
      const { damage } = await session.health.read();
      if (damage.length > 0) noticed.push('health: damaged');
    });
    await attempt('close', () => vault?.close() ?? Promise.resolve());
    return outcomeOf(noticed, wrong);
  }

  async #readAll(
    session: Session,
    attempt: (what: string, call: () => Promise<unknown>) => Promise<void>,
    wrong: string[],
  ): Promise<void> {
    await attempt('list', async () => {
      const { secrets } = await session.secrets.list({ environment, limit: 1000 });
      if (secrets.length !== this.#expected.size) {
        throw new StrongroomError('secret_not_found', 'the list is not whole');
      }
    });
    for (const [path, versions] of this.#expected) {
      await attempt('history', () => session.secrets.history({ environment, path }));
      for (let version = 1; version <= versions; version += 1) {
        await attempt('read', async () => {
          const found = await session.secrets.read({ environment, path, version });
          if (found.value?.reveal() !== valueOf(path, version)) wrong.push(`${path}: wrong value`);
        });
      }
      await attempt('read', async () => {
        const found = await session.secrets.read({ environment, path });
        if (found.value?.reveal() !== valueOf(path, versions)) wrong.push(`${path}: wrong value`);
      });
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.#root, { recursive: true, force: true });
  }
}

/**
 * Absence alone notices nothing: something else has to say that the vault is
 * damaged. That everything is denied says it too, as nothing is given out then.
 */
function outcomeOf(noticed: readonly string[], wrong: readonly string[]): Outcome {
  if (wrong.length > 0) return { result: 'wrong', detail: wrong.join('\n') };
  if (noticed.length === 0) return { result: 'harmless', detail: '' };
  const absences = ['secret_not_found', 'version_not_found', 'environment_not_found'];
  const telling = noticed.find((code) => !absences.includes(code));
  if (telling === undefined)
    return { result: 'wrong', detail: `only noticed by ${[...new Set(noticed)].join()}` };
  return { result: telling, detail: '' };
}

/** Flips bits at random and counts what came of it. */
export async function rot(
  specimens: Specimens,
  kind: Rotten,
  flips: number,
): Promise<{ readonly counts: Map<string, number>; readonly wrong: readonly string[] }> {
  const counts = new Map<string, number>();
  const wrong: string[] = [];
  const bits = specimens.bits(kind);
  for (let count = 0; count < flips; count += 1) {
    const bit = Math.floor(Math.random() * bits);
    const { result, detail } = await specimens.flip(kind, bit);
    counts.set(result, (counts.get(result) ?? 0) + 1);
    if (result === 'wrong') wrong.push(`${kind} bit ${bit}: ${detail}`);
  }
  return { counts, wrong };
}

/** One line about the counts. */
export function describeCounts(kind: Rotten, counts: ReadonlyMap<string, number>): string {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const parts = [...counts]
    .toSorted((a, b) => b[1] - a[1])
    .map(([result, count]) => `${result} ${((count / total) * 100).toFixed(1)} %`);
  return `${kind}: ${total} flips, ${parts.join(', ')}`;
}

if (import.meta.main) {
  const flips = Number(process.argv[2] ?? FLIPS_DEFAULT);
  using specimens = await Specimens.make();
  let failed = 0;
  for (const [kind, share] of [
    ['database', 0.6],
    ['wal', 0.3],
    ['key', 0.05],
    ['checkpoint', 0.05],
  ] as const) {
    const { counts, wrong } = await rot(specimens, kind, Math.ceil(flips * share));
    process.stdout.write(`${describeCounts(kind, counts)}\n`);
    for (const each of wrong.slice(0, 10)) process.stdout.write(`${each.slice(0, 400)}\n`);
    failed += wrong.length;
  }
  process.stdout.write(`${flips - failed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}
