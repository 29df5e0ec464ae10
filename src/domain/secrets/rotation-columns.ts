import type { SecretRow } from '../../store/tables.ts';
import type { Work } from '../work.ts';
import {
  autoRotationDays,
  intervalDays,
  nextRotation,
  parsePolicy,
  type RotationPolicy,
} from './rotation-policy.ts';

/** What may be said about a secret's rotation. Absent members stay as they are. */
export interface RotationAttributes {
  /** A policy, as `parsePolicy` reads it; `manual` takes one away. */
  readonly rotation?: string | undefined;
  /** A generator in the form in which it is kept; `null` takes it away. */
  readonly generator?: string | null | undefined;
}

/** The columns of a secret's row that say how it is rotated. */
export type RotationColumns = Pick<SecretRow, 'rotation_policy' | 'rotation_due_at' | 'generator'>;

/** The policy `manual`, which is kept as no policy. */
const MANUAL = 'manual';

/**
 * The columns of a secret's rotation after a change. A new policy counts from
 * the last rotation, or from now if there was none.
 *
 * @param row - As it was; `undefined` for a secret that is new.
 * @throws {@link StrongroomError} `invalid_input` if the policy is none.
 */
export function rotationColumns(
  work: Work,
  row: SecretRow | undefined,
  { rotation, generator }: RotationAttributes,
): RotationColumns {
  const kept = row?.generator ?? null;
  const isKept = generator === undefined;
  const text = isKept ? kept : generator === null ? null : JSON.stringify(generator);
  if (rotation === undefined) {
    const { rotation_policy: policy = null, rotation_due_at: due = null } = row ?? {};
    return { rotation_policy: policy, rotation_due_at: due, generator: text };
  }
  return {
    rotation_policy: rotation === MANUAL ? null : rotation,
    rotation_due_at: dueAfter(rotation, row?.rotated_at ?? null, work.now),
    generator: text,
  };
}

/** The policy of a secret as text. */
export function policyOf(row: SecretRow): string {
  return row.rotation_policy ?? MANUAL;
}

/** The whole days between its rotations, if its policy says some. */
export function intervalDaysOf(row: SecretRow): number | null {
  const policy = row.rotation_policy;
  if (policy === null) return null;
  return policy === 'auto' ? intervalDays(policy, autoDays()) : intervalDays(policy);
}

/** The generator of a secret as text, or `undefined`. */
export function generatorOf(row: SecretRow): string | undefined {
  return row.generator === null ? undefined : (JSON.parse(row.generator) as string);
}

/** When a secret is due again after a rotation at `now`. */
export function dueAgain(row: SecretRow, now: number): number | null {
  return dueAfter(policyOf(row), now, now);
}

function dueAfter(text: string, rotatedAt: number | null, now: number): number | null {
  const policy = policyFrom(text);
  // A plan by the calendar has no arrears: what it would have wanted before is over.
  return nextRotation(policy, policy.kind === 'interval' ? (rotatedAt ?? now) : now);
}

function policyFrom(text: string): RotationPolicy {
  // What the variable says is nothing to any other policy, also if it cannot be read.
  if (text !== 'auto') return parsePolicy(text);
  return parsePolicy(text, autoDays());
}

function autoDays(): number {
  return autoRotationDays(process.env['SECRET_ROTATION_DAYS']);
}
