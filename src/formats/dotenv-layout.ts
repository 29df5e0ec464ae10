import { StrongroomError } from '../errors.ts';
import { parseDotenv, type DotenvDocument } from './dotenv.ts';

/** An imported `.env` file, and which secret each of its variables became. */
export interface DotenvLayout {
  readonly document: DotenvDocument;
  /** Name in the file to path of the secret. */
  readonly paths: ReadonlyMap<string, string>;
}

/**
 * Writes a layout as text to be stored. It holds the values of the file, so it is as
 * secret as they are. Only the raw text is kept; {@link parseLayout} reads it again.
 *
 * @param document - The file as it was imported.
 * @param paths - Name in the file to path of the secret.
 * @returns JSON: `{"format":1,"text":…,"paths":[[name,path],…]}`.
 */
export function serializeLayout(
  { text }: Pick<DotenvDocument, 'text'>,
  paths: ReadonlyMap<string, string> = new Map(),
): string {
  return JSON.stringify({ format: 1, text, paths: [...paths] });
}

/**
 * Reads what {@link serializeLayout} wrote.
 *
 * @throws {@link StrongroomError} `integrity_error` if it is anything else.
 */
export function parseLayout(stored: string): DotenvLayout {
  const layout = parseStored(stored);
  if (layout === undefined) {
    throw new StrongroomError('integrity_error', 'the stored layout of a .env file is damaged');
  }
  return { document: parseDotenv(layout.text), paths: new Map(layout.paths) };
}

function parseStored(
  stored: string,
): { readonly text: string; readonly paths: readonly (readonly [string, string])[] } | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(stored);
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  if (!('format' in parsed) || parsed.format !== 1) return undefined;
  if (!('text' in parsed) || typeof parsed.text !== 'string') return undefined;
  if (!('paths' in parsed) || !Array.isArray(parsed.paths)) return undefined;
  const paths: unknown[] = parsed.paths;
  return paths.every(isPair) ? { text: parsed.text, paths } : undefined;
}

function isPair(value: unknown): value is [string, string] {
  return (
    Array.isArray(value) && value.length === 2 && value.every((each) => typeof each === 'string')
  );
}
