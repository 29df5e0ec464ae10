// Looks at a vault after a fault, with nothing but the ledger to go by.
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

import { openVault } from '../../src/core/open-vault.ts';
import { createSession, type Session } from '../../src/core/session.ts';
import type { UnsealedVault } from '../../src/core/vault.ts';
import type { AuditEntry } from '../../src/domain/audit/entry.ts';
import { verifyExport } from '../../src/domain/audit/verify-export.ts';
import { StrongroomError } from '../../src/errors.ts';
import {
  IMPORTED,
  isLifeStep,
  readLedger,
  REFUSED,
  sha256,
  valueOf,
  type LedgerLine,
} from './ledger.ts';
import { checkLives, type LivesInput, type LivesReport } from './lives.ts';

/** What a check found. */
export interface CheckReport {
  /** What is not as it must be, in words; empty if all is well. */
  readonly problems: readonly string[];
  /** Acknowledged changes that are not there, or a history that was rolled back. */
  readonly lost: number;
  /** Acknowledged changes that were looked for. */
  readonly acked: number;
  /** Versions that are there, acknowledged or not. */
  readonly versions: number;
  /** How long the vault took to open after the fault, in milliseconds. */
  readonly readyMs: number;
  /** A checkpoint of the log as it is now, to hold later states against. */
  readonly checkpoint: string | undefined;
}

/** What is known besides the ledger. */
interface Before {
  /** The checkpoint that an earlier check gave. */
  readonly known?: string | undefined;
  /**
   * The ledger as it was in the end, where a picture of the disk was taken
   * while the client went on: what it says may be there, and need not be.
   */
  readonly later?: readonly LedgerLine[] | undefined;
}

interface Found {
  readonly id: string;
  readonly versions: ReadonlyMap<number, string>;
}

const environment = 'development';
const PAGE = 1000;

/**
 * Reopens a vault and holds it against a ledger: the invariants I1 to I6 and I8
 * of the fault tests.
 *
 * @param acks - Lines of all ledgers that were kept of this vault.
 * @param before - What an earlier check gave, and what was answered after the fault that is looked at.
 */
export async function checkVault(
  path: string,
  config: string,
  acks: readonly LedgerLine[],
  before: Before = {},
): Promise<CheckReport> {
  const { known, later = acks } = before;
  const problems: string[] = [];
  const began = performance.now();
  const acked = acks.filter((line) => line.outcome === 'ok' && line.op !== 'read').length;
  let vault;
  try {
    vault = await openVault(path, { holder: 'check', configDirectory: config });
  } catch (error) {
    if (!(error instanceof StrongroomError)) throw error;
    const wasMade = acks.some(({ op }) => op === 'init' || op === 'create');
    if (error.code === 'vault_not_found' && !wasMade) {
      return { problems, lost: 0, acked, versions: 0, readyMs: 0, checkpoint: known };
    }
    const isLoss = error.code === 'rollback_detected' || error.code === 'vault_not_found';
    problems.push(`open failed with ${error.code}: ${error.message}`);
    return { problems, lost: isLoss ? 1 : 0, acked, versions: 0, readyMs: 0, checkpoint: known };
  }
  const readyMs = performance.now() - began;
  try {
    const { entries, checkpoint, found } = await lookInto(vault, known, problems);
    const lives = await checkLives({ path, config, acks, later, entries });
    problems.push(...lives.problems);
    checkGroups(found, problems);
    checkEntries(found, entries, { deleted: lives.deleted, problems });
    const lost = lives.lost + checkAcks(found, { entries, acks, ...lives }, problems);
    const versions = [...found.values()].reduce((sum, { versions: all }) => sum + all.size, 0);
    return { problems, lost, acked, versions, readyMs, checkpoint };
  } catch (error) {
    if (!(error instanceof StrongroomError)) throw error;
    problems.push(`the check failed with ${error.code}: ${error.message}`);
    return { problems, lost: 0, acked, versions: 0, readyMs, checkpoint: known };
  }
}

/** Asks an open vault for everything, and closes it. */
async function lookInto(
  vault: UnsealedVault,
  known: string | undefined,
  problems: string[],
): Promise<{
  readonly entries: readonly AuditEntry[];
  readonly checkpoint: string;
  readonly found: ReadonlyMap<string, Found>;
}> {
  try {
    const session = createSession(vault, { principal: 'ada', userAgent: 'check' }, 'library');
    const entries = await allEntries(session);
    await checkStructure(session, problems);
    const checkpoint = await checkHistory(session, known, problems);
    return { entries, checkpoint, found: await allVersions(session, problems) };
  } finally {
    await vault.close();
  }
}

/** I5 and I6: the log verifies, and the database's structure is sound. */
async function checkStructure(session: Session, problems: string[]): Promise<void> {
  const health = await session.health.read({ deep: true });
  for (const damage of health.damage) problems.push(`I6 structure: ${damage}`);
  try {
    await session.audit.verify();
  } catch (error) {
    if (!(error instanceof StrongroomError)) throw error;
    problems.push(`I5 audit verify: ${error.code}: ${error.message}`);
  }
}

/** I5: an auditor who has the export and an earlier checkpoint finds the same history. */
async function checkHistory(
  session: Session,
  known: string | undefined,
  problems: string[],
): Promise<string> {
  const { verifierKeys } = await session.audit.key();
  const lines: string[] = [];
  let part = await session.audit.export();
  for (;;) {
    lines.push(...part.lines);
    if (part.next === undefined) break;
    part = await session.audit.export({ from: part.next, checkpoint: part.checkpoint });
  }
  const checkpoint = known === undefined ? {} : { checkpoint: known };
  const report = await verifyExport(lines, { verifierKeys, ...checkpoint });
  if (!report.ok) problems.push(`I5 export: ${report.reason} ${report.message}`);
  return part.checkpoint;
}

/** I3 and I8: every version that is there decrypts, and is wholly the one that was written. */
async function allVersions(session: Session, problems: string[]): Promise<Map<string, Found>> {
  const found = new Map<string, Found>();
  for (let cursor: string | undefined; ;) {
    const page = await session.secrets.list({ environment, limit: PAGE, cursor });
    const secrets = await Promise.all(page.secrets.map((each) => versionsOf(session, each)));
    for (const { path, id, versions } of secrets) {
      found.set(path, { id, versions });
      for (const [version, value] of versions) {
        if (value === REFUSED) problems.push(`I2 ${path}: a refused write is there`);
        else if (value !== valueOf(path, version)) problems.push(`I3 ${path}@${version}: altered`);
      }
    }
    if (page.next === undefined) return found;
    cursor = page.next;
  }
}

async function versionsOf(
  session: Session,
  secret: { readonly id: string; readonly path: string; readonly version: number },
): Promise<Found & { readonly path: string }> {
  const numbers = Array.from({ length: secret.version }, (_, index) => index + 1);
  const values = await Promise.all(
    numbers.map(async (version) => {
      const found = await session.secrets.read({ environment, path: secret.path, version });
      return [version, found.value?.reveal() ?? ''] as const;
    }),
  );
  return { path: secret.path, id: secret.id, versions: new Map(values) };
}

/** I3: of an import at once, all is there or nothing. */
function checkGroups(found: ReadonlyMap<string, Found>, problems: string[]): void {
  const groups = new Map<string, number>();
  for (const path of found.keys()) {
    const [, group, name] = /^(.*\/.*\/.*)\/(.+)$/.exec(path) ?? [];
    if (group === undefined || name === undefined || !IMPORTED.includes(name)) continue;
    groups.set(group, (groups.get(group) ?? 0) + 1);
  }
  for (const [group, count] of groups) {
    if (count !== IMPORTED.length) problems.push(`I3 ${group}: ${count} of ${IMPORTED.length}`);
  }
}

/** I4: each version has one entry, and each entry its version. */
function checkEntries(
  found: ReadonlyMap<string, Found>,
  entries: readonly AuditEntry[],
  { deleted, problems }: { readonly deleted: readonly string[]; readonly problems: string[] },
): void {
  const recorded = new Map<string, number>();
  for (const { secret_id: id, version, commit, outcome, path } of entries) {
    if (outcome !== 'ok' || commit === undefined) continue;
    const key = `${path}@${version} ${id}`;
    recorded.set(key, (recorded.get(key) ?? 0) + 1);
  }
  const live = [...found].flatMap(([path, { id, versions }]) =>
    [...versions.keys()].map((version) => `${path}@${version} ${id}`),
  );
  for (const key of [...live, ...deleted]) {
    const count = recorded.get(key) ?? 0;
    if (count !== 1) problems.push(`I4 ${key}: ${count} entries`);
    recorded.delete(key);
  }
  for (const key of recorded.keys()) problems.push(`I4 ${key}: an entry without its version`);
}

/** I1: what was acknowledged is there. What was given out is on record. */
function checkAcks(
  found: ReadonlyMap<string, Found>,
  { entries, acks, deleted }: Pick<LivesInput, 'entries' | 'acks'> & Pick<LivesReport, 'deleted'>,
  problems: string[],
): number {
  let lost = 0;
  const inTrash = new Set(deleted.map((key) => key.slice(0, key.indexOf(' '))));
  const reads = new Map<string, number>();
  for (const ack of acks) {
    if (ack.outcome !== 'ok' || ack.op === 'init') continue;
    if (ack.op === 'stale') problems.push(`I2 ${ack.path}: a stale write was accepted`);
    if (ack.op === 'read') {
      const key = `${ack.path}@${ack.version}`;
      reads.set(key, (reads.get(key) ?? 0) + 1);
      continue;
    }
    if (isLifeStep(ack.op) || inTrash.has(`${ack.path}@${ack.version}`)) continue;
    if (isThere(found, ack)) continue;
    lost += 1;
    problems.push(`I1 ${ack.op} ${ack.path}@${ack.version}: acknowledged and lost`);
  }
  for (const entry of entries) {
    if (entry.action !== 'secrets.read' || entry.outcome !== 'ok') continue;
    const key = `${entry.path}@${entry.version}`;
    reads.set(key, (reads.get(key) ?? 0) - 1);
  }
  for (const [key, missing] of reads) {
    if (missing <= 0) continue;
    lost += missing;
    problems.push(`I4 ${key}: ${missing} reads are not on record`);
  }
  return lost;
}

function isThere(found: ReadonlyMap<string, Found>, ack: LedgerLine): boolean {
  if (ack.op === 'import') return IMPORTED.every((name) => found.has(`${ack.path}/${name}`));
  const value = found.get(ack.path)?.versions.get(ack.version);
  return value !== undefined && sha256(value) === ack.sha256;
}

async function allEntries(session: Session): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  for (let before: number | undefined; ;) {
    const page = await session.audit.query({ limit: PAGE, before });
    entries.push(...page.entries);
    if (page.next === undefined) return entries;
    before = page.next;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { values: args } = parseArgs({
    options: {
      path: { type: 'string', default: '' },
      config: { type: 'string', default: '' },
      ledger: { type: 'string', default: '' },
      later: { type: 'string' },
    },
  });
  const later = args.later === undefined ? undefined : readLedger(args.later);
  const report = await checkVault(args.path, args.config, readLedger(args.ledger), { later });
  for (const problem of report.problems.slice(0, 5)) process.stderr.write(`${problem}\n`);
  process.stdout.write(
    `${report.lost} ${report.problems.length - report.lost} ${report.acked} ${Math.round(report.readyMs)}\n`,
  );
}
