import { SecretValue } from '../secret-value.ts';

/**
 * Copies the bytes in an input: a call is carried out later, when the caller
 * may have overwritten them already.
 *
 * @param members - The members of the input that may hold secrets.
 * @returns The input with a value of its own for each byte array, and these, to be wiped when
 * the call has settled. What came as a `SecretValue` stays the caller's.
 */
export function holdBytes<I>(
  input: I,
  members: readonly string[],
): { readonly input: I; readonly copies: SecretValue[] } {
  const copies: SecretValue[] = [];
  if (typeof input !== 'object' || input === null) return { input, copies };
  const held = Object.entries(input).map(([name, member]: [string, unknown]) => [
    name,
    members.includes(name) ? hold(member, copies) : member,
  ]);
  return { input: Object.fromEntries(held) as I, copies };
}

function hold(value: unknown, copies: SecretValue[]): unknown {
  if (value instanceof SecretValue || typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) {
    const copy = SecretValue.bytes(value);
    copies.push(copy);
    return copy;
  }
  if (Array.isArray(value)) return value.map((each) => hold(each, copies));
  return Object.fromEntries(
    Object.entries(value).map(([name, each]: [string, unknown]) => [name, hold(each, copies)]),
  );
}
