/** Gathers names from an option that may be repeated and takes several, separated by commas. */
export function splitNames(text: string, before?: readonly string[]): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  return [...(before ?? []), ...names.filter((name) => name !== '')];
}
