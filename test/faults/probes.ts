// Asks a vault everything that can be asked without changing it: generated
// from the registry of operations, so that a new one is asked too.
import type { Operation } from '../../src/core/operation.ts';
import { operations } from '../../src/core/operations/operations.ts';
import type { Session } from '../../src/index.ts';
import { environment } from './places.ts';

/** One question to a vault. */
export interface Probe {
  readonly group: string;
  readonly method: string;
  readonly input: object;
}

/** Inputs that one operation or other accepts, the least of them first. */
const INPUTS: readonly object[] = [
  {},
  { environment },
  { environment: 'staging' },
  { environment, path: 'group/s4' },
  { environment, path: 'group/s2', version: 2 },
  { environment, path: 'group/s1', candidate: 'not this' },
  { from: { environment }, to: { environment: 'staging' } },
  { within: '30d' },
];

/** How many of them one operation is asked with. */
const INPUTS_MAX = 2;

type Methods = Readonly<Record<string, Readonly<Record<string, Call>>>>;
type Call = (input: object) => Promise<unknown>;

/**
 * They tell of the log, which grows by asking, of the files' sizes, and of
 * counts of reads that are no more than hints.
 */
const NOT_COMPARED: readonly string[] = [
  'audit.query',
  'audit.export',
  'audit.verify',
  'audit.checkpoint',
  'health.read',
  'events.open',
  'secrets.statistics',
];

/** All questions that some input fits. */
export async function findProbes(session: Session): Promise<Probe[]> {
  const probes: Probe[] = [];
  for (const [group, methods] of Object.entries(operations)) {
    const ofGroup = Object.entries(methods as Readonly<Record<string, Operation<object, unknown>>>);
    for (const [method] of ofGroup.filter(([, operation]) => !operation.mutates)) {
      let count = 0;
      for (const input of INPUTS) {
        if (count === INPUTS_MAX) break;
        const answer = await answerOf(session, { group, method, input }).catch(() => undefined);
        if (answer === undefined) continue;
        count += 1;
        probes.push({ group, method, input });
      }
    }
  }
  return probes;
}

/**
 * The answer to each question; `undefined` if there is none, or none to
 * compare. A question that fails is left to `attempt`.
 */
export async function answersOf(
  session: Session,
  probes: readonly Probe[],
  attempt: (what: string, call: () => Promise<unknown>) => Promise<void>,
): Promise<readonly (string | undefined)[]> {
  const answers: (string | undefined)[] = [];
  for (const probe of probes) {
    const name = `${probe.group}.${probe.method}`;
    let answer: string | undefined;
    await attempt(name, async () => {
      answer = await answerOf(session, probe);
    });
    answers.push(NOT_COMPARED.includes(name) ? undefined : answer);
  }
  return answers;
}

async function answerOf(session: Session, { group, method, input }: Probe): Promise<string> {
  const call = (session as unknown as Methods)[group]?.[method];
  return JSON.stringify(await call?.(input)) ?? '';
}
