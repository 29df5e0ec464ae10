import { sha256 } from '../../crypto/hash.ts';
import { DAMAGED_HINT, StrongroomError } from '../../errors.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { tuple } from '../../lib/bytes.ts';
import { equalBytes } from '../../lib/compare.ts';
import { uuidBytes, uuidv7 } from '../../lib/ids.ts';
import { FACTOR_USES, FACTORS, PRINCIPALS } from '../../store/protected-tables.ts';
import { insertRow, removeRow, updateRow } from '../../store/rows.ts';
import { statement, type Parameters } from '../../store/statement.ts';
import type { FactorRow, FactorUsesRow, PrincipalRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';

/** What somebody can prove who they are with. */
export type FactorKind = 'password' | 'totp' | 'recovery' | 'passkey' | 'oidc';

/** A factor with what changes at each use of it. */
export interface Factor {
  readonly row: FactorRow;
  readonly uses: FactorUsesRow;
}

/** What is said of a new factor. */
export interface NewFactor {
  readonly kind: FactorKind;
  readonly label?: string | undefined;
  readonly lookup?: string | undefined;
  /** What it consists of, or what makes that for the id that it got. */
  readonly data: object | ((id: string) => object);
  /** Makes the envelope of its secret, for the id that it got. */
  readonly secret?: (id: string) => Uint8Array;
  readonly confirmedAt: number | null;
  /** What it counts from. Default 0. */
  readonly counter?: number;
}

const ofPrincipal = statement((db, p: Parameters<{ principalId: string }>) =>
  db.selectFrom('factors').selectAll().where('principal_id', '=', p('principalId')).orderBy('id'),
);

const usesOf = statement((db, p: Parameters<{ factorId: string }>) =>
  db.selectFrom('factor_uses').selectAll().where('factor_id', '=', p('factorId')),
);

/** What a second factor can be, besides recovery codes in its place. */
const SECOND: ReadonlySet<string> = new Set<FactorKind>(['totp', 'passkey']);

/** Only reading takes less than all of a {@link Work}. */
type Reading = Pick<Work, 'transaction' | 'mac'>;

/**
 * All factors of one principal. They are always read together and held against
 * what the principal's row, which is counted, says of them: so one that was
 * taken away, exchanged or put back behind our back is noticed.
 */
export class FactorSet {
  #principal: PrincipalRow;
  readonly #factors: Map<string, Factor>;
  #isChanged = false;
  #isVoiding = false;

  private constructor(principal: PrincipalRow, factors: Map<string, Factor>) {
    this.#principal = principal;
    this.#factors = factors;
  }

  /**
   * Reads them.
   *
   * @param principal - The row that is known in memory, as of the same transaction.
   * @throws {@link StrongroomError} `integrity_error`.
   */
  static async of({ transaction, mac }: Reading, principal: PrincipalRow): Promise<FactorSet> {
    const rows = await transaction.all(ofPrincipal, { principalId: principal.id });
    const factors = new Map<string, Factor>();
    for (const row of rows) {
      mac.check(FACTORS, row);
      const uses = await transaction.get(usesOf, { factorId: row.id });
      if (uses === undefined) throw altered(principal.id);
      mac.check(FACTOR_USES, uses);
      factors.set(row.id, { row, uses });
    }
    const set = new FactorSet(principal, factors);
    if (!isSame(set.#digest(), principal.factors)) throw altered(principal.id);
    return set;
  }

  /** By the order in which they were made, also what was not confirmed yet. */
  get all(): readonly Factor[] {
    return [...this.#factors.values()];
  }

  /** Those of a kind that count. */
  confirmed(kind: FactorKind): readonly Factor[] {
    return this.all.filter(({ row }) => row.kind === kind && row.confirmed_at !== null);
  }

  /** The kinds of second factors that count, recovery codes too if there is another. */
  get second(): readonly FactorKind[] {
    const kinds = (['totp', 'passkey', 'recovery'] as const).filter(
      (kind) => this.confirmed(kind).length > 0,
    );
    return kinds.some((kind) => SECOND.has(kind)) ? kinds : [];
  }

  /** A factor by its id, or `undefined`. */
  get(id: string): Factor | undefined {
    return this.#factors.get(id);
  }

  /** Adds one. */
  async add(work: Work, given: NewFactor): Promise<FactorRow> {
    const { transaction, mac, now } = work;
    const id = uuidv7();
    const data: object =
      typeof given.data === 'function' ? (given.data as (id: string) => object)(id) : given.data;
    const row = await insertRow(transaction, mac, FACTORS, {
      id,
      principal_id: this.#principal.id,
      kind: given.kind,
      label: given.label ?? null,
      lookup: given.lookup ?? null,
      data: canonicalJson(data),
      secret: given.secret?.(id) ?? null,
      revision: 1,
      confirmed_at: given.confirmedAt,
      created_at: now,
    });
    const counted = { factor_id: id, counter: given.counter ?? 0, used_at: null };
    const uses = await insertRow(transaction, mac, FACTOR_USES, counted);
    this.#set({ row, uses });
    return row;
  }

  /** Changes what one consists of, or confirms it. */
  async change(
    work: Work,
    { row, uses }: Factor,
    { data, confirmedAt }: { readonly data?: object; readonly confirmedAt?: number },
  ): Promise<void> {
    const changed = await updateRow(work.transaction, work.mac, FACTORS, {
      from: row,
      set: {
        ...(data === undefined ? {} : { data: canonicalJson(data), revision: row.revision + 1 }),
        ...(confirmedAt === undefined ? {} : { confirmed_at: confirmedAt }),
      },
    });
    this.#set({ row: changed, uses });
  }

  /** Notes that one was used. */
  async use(work: Work, { row, uses }: Factor, counter: number = uses.counter): Promise<void> {
    const set = { counter, used_at: work.now };
    const used = await updateRow(work.transaction, work.mac, FACTOR_USES, { from: uses, set });
    this.#factors.set(row.id, { row, uses: used });
  }

  /** Takes one away. */
  async remove(work: Work, { row, uses }: Factor): Promise<void> {
    await removeRow(work.transaction, work.mac, FACTOR_USES, uses);
    await removeRow(work.transaction, work.mac, FACTORS, row);
    this.#factors.delete(row.id);
    this.#isChanged = true;
  }

  /** Makes void what was given out to the principal, once it is stored. */
  makeVoid(): void {
    this.#isVoiding = true;
  }

  /** Stores in the principal's row what changed. Returns the row as it is then. */
  async store({ transaction, mac }: Work): Promise<PrincipalRow> {
    if (!this.#isChanged && !this.#isVoiding) return this.#principal;
    const generation = (this.#principal.generation ?? 0) + (this.#isVoiding ? 1 : 0);
    const set = { factors: this.#digest(), generation: generation === 0 ? null : generation };
    const from = this.#principal;
    this.#principal = await updateRow(transaction, mac, PRINCIPALS, { from, set });
    this.#isChanged = false;
    this.#isVoiding = false;
    return this.#principal;
  }

  #set(factor: Factor): void {
    this.#factors.set(factor.row.id, factor);
    this.#isChanged = true;
  }

  #digest(): Uint8Array | null {
    const rows = this.all.map(({ row }) => row).toSorted((a, b) => (a.id < b.id ? -1 : 1));
    if (rows.length === 0) return null;
    const parts = rows.flatMap(({ id, mac }) => [uuidBytes(id), mac]);
    return sha256(tuple(['strongroom/v1/factors', ...parts]));
  }
}

function isSame(found: Uint8Array | null, known: Uint8Array | null): boolean {
  if (found === null || known === null) return found === known;
  return equalBytes(found, known);
}

function altered(principal: string): StrongroomError {
  return new StrongroomError('integrity_error', 'the factors of a principal were altered', {
    details: { principal },
    hint: DAMAGED_HINT,
  });
}
