const SPACE = /\p{Zs}/gu;

/** The mapping and normalization of RFC 8265 §4.2.2: any space is a space, then NFC. */
export function opaqueString(text: string): string {
  return text.replace(SPACE, ' ').normalize('NFC');
}

/** Code points, not UTF-16 units: a letter beyond the basic plane is one character. */
export function countCharacters(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
