// What src/secret-value.ts and below it have of Node, for browsers.

const decoder = new TextDecoder('utf-8', { fatal: true });

/** As `node:buffer` has it. */
export function isUtf8(bytes: Uint8Array): boolean {
  try {
    decoder.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** As `node:util` has it, as far as it names how objects are shown. */
export const inspect: { readonly custom: symbol } = {
  custom: Symbol.for('nodejs.util.inspect.custom'),
};

/** As `node:crypto` has it: looks at every byte, whatever they are. */
export function timingSafeEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) throw new RangeError('input buffers must have the same length');
  let difference = 0;
  for (let at = 0; at < a.length; at += 1) difference |= (a[at] ?? 0) ^ (b[at] ?? 0);
  return difference === 0;
}
