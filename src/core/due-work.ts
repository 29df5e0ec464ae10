import type { ErrorCode } from '../errors.ts';
import { StrongroomError } from '../errors.ts';
import type { Session } from './session.ts';
import { asStrongroomError } from './unforeseen.ts';

/** Something that was to be done and failed. It is tried again later. */
export interface WorkFailure {
  readonly task: TaskName;
  /** What it was, such as `default/production/db/password` or the name of a workspace. */
  readonly what: string;
  readonly code: ErrorCode;
  readonly message: string;
}

/** What one round of work came to. */
export interface WorkReport {
  /** How many things were done, by task. */
  readonly done: Readonly<Record<TaskName, number>>;
  readonly failures: readonly WorkFailure[];
}

/** The kinds of work that come due. */
export type TaskName =
  'rotations' | 'trash' | 'keys' | 'backups' | 'checksums' | 'audit' | 'credentials';

/** Says which things that failed before may be tried again, and keeps count. */
export interface Attempts {
  mayTry(what: string): boolean;
  succeeded(what: string): void;
  failed(what: string): void;
}

/** Tries one thing; what fails is kept in the report. Resolves to whether it was done. */
type Try = (what: string, work: () => Promise<number>) => Promise<boolean>;

/** Each kind of work, in the order in which it is done. */
const TASKS: Readonly<Record<TaskName, (session: Session, attempt: Try) => Promise<void>>> = {
  rotations: rotateDue,
  trash: purgeTrash,
  keys: continueKeys,
  backups: backUp,
  checksums: verifyAll,
  audit: pruneAudit,
  credentials: purgeCredentials,
};

const PAGE = 1000;
const AT_ONCE = 64;

/**
 * Does all work that is due, once: secrets whose policy wants a rotation and
 * that have a generator, trash whose retention is over, workspace keys that are
 * due, key jobs that are under way, a backup if one is due, the check of all versions
 * if it is, and what is left of credentials that expired. What fails stops nothing else.
 *
 * @param session - The system's.
 */
export async function doDueWork(session: Session, attempts: Attempts): Promise<WorkReport> {
  const done: Record<TaskName, number> = {
    rotations: 0,
    trash: 0,
    keys: 0,
    backups: 0,
    checksums: 0,
    audit: 0,
    credentials: 0,
  };
  const failures: WorkFailure[] = [];
  for (const [name, run] of Object.entries(TASKS)) {
    const task = name as TaskName;
    const attempt: Try = async (what, work) => {
      const key = `${task} ${what}`;
      if (!attempts.mayTry(key)) return false;
      try {
        const count = await work();
        done[task] += count;
        attempts.succeeded(key);
        return true;
      } catch (error) {
        if (isOver(error)) throw error;
        attempts.failed(key);
        const { code, message } = asStrongroomError(error);
        failures.push({ task, what, code, message });
        return false;
      }
    };
    await attempt('all', async () => {
      await run(session, attempt);
      return 0;
    });
  }
  return { done, failures };
}

/** A vault that is being closed has no failures to tell. */
function isOver(error: unknown): boolean {
  return error instanceof StrongroomError && error.code === 'vault_closed';
}

async function rotateDue(session: Session, attempt: Try): Promise<void> {
  for (const { name: workspace } of await session.workspaces.list()) {
    let cursor: string | undefined;
    do {
      const page = await session.secrets.due({ workspace, automatic: true, limit: PAGE, cursor });
      for (let from = 0; from < page.secrets.length; from += AT_ONCE) {
        await Promise.all(
          page.secrets.slice(from, from + AT_ONCE).map(({ environment, path }) =>
            attempt(`${workspace}/${environment}/${path}`, async () => {
              await session.secrets.rotate({ workspace, environment, path });
              return 1;
            }),
          ),
        );
      }
      cursor = page.next;
    } while (cursor !== undefined);
  }
}

async function purgeTrash(session: Session, attempt: Try): Promise<void> {
  for (const { name: workspace } of await session.workspaces.list()) {
    await attempt(workspace, async () => {
      let purged = 0;
      for (;;) {
        const { done, finished } = await session.trash.purge({ workspace });
        purged += done;
        if (finished || done === 0) return purged;
      }
    });
  }
}

async function continueKeys(session: Session, attempt: Try): Promise<void> {
  await attempt('rotation', async () => (await session.keys.rotateDue()).length);
  for (const { workspace, kind } of await session.jobs.list({ running: true })) {
    if (workspace === null || kind !== 'keys.rewrap') continue;
    await attempt(workspace, async () => {
      // Every batch gets further, also one that has only what is of other workspaces.
      for (let isOver = false; !isOver;) {
        isOver = (await session.keys.rewrap({ workspace })).finished;
      }
      await session.keys.retire({ workspace });
      return 1;
    });
  }
}

async function backUp(session: Session, attempt: Try): Promise<void> {
  await attempt('vault', async () => {
    const { created } = await session.backups.runScheduled();
    return created === undefined ? 0 : 1;
  });
}

/** Goes on with the check that is under way, or begins one if it is due. Damage is a failure. */
async function verifyAll(session: Session, attempt: Try): Promise<void> {
  await attempt('vault', async () => {
    for (;;) {
      const { startedAt, failed, finished } = await session.secrets.verifyChecksums({ due: true });
      if (!finished) continue;
      if (failed > 0) throw damageFound(failed);
      return startedAt === null ? 0 : 1;
    }
  });
}

async function purgeCredentials(session: Session, attempt: Try): Promise<void> {
  await attempt('vault', async () => {
    let purged = 0;
    for (;;) {
      const { done, finished } = await session.tokens.purge();
      purged += done;
      if (finished) return purged;
    }
  });
}

/** Audit entries whose retention is over. */
async function pruneAudit(session: Session, attempt: Try): Promise<void> {
  await attempt('entries', async () => {
    let pruned = 0;
    for (let isOver = false; !isOver;) {
      const { removed, finished } = await session.audit.prune();
      pruned += removed;
      isOver = finished;
    }
    return pruned;
  });
}

function damageFound(count: number): StrongroomError {
  return new StrongroomError(
    'integrity_error',
    `${count} ${count === 1 ? 'version or secret is' : 'versions or secrets are'} damaged`,
    { details: { count }, hint: 'see `strongroom verify --all`' },
  );
}
