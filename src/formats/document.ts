import { parseDocument } from 'yaml';

import { StrongroomError } from '../errors.ts';

const TEXT_MAX = 1024 * 1024;

/**
 * Reads a JSON or YAML document that people write by hand, as plain data.
 * Anchors, aliases, tags and names that stand twice are refused.
 *
 * @param text - One document, up to 1 MiB.
 * @throws {@link StrongroomError} `invalid_input` with `line` and `column` (from 1).
 */
export function readDocument(text: string): unknown {
  if (text.length > TEXT_MAX) {
    throw new StrongroomError('invalid_input', 'the document is larger than 1 MiB');
  }
  const document = parseDocument(text, { schema: 'core', uniqueKeys: true, prettyErrors: true });
  const [fault] = [...document.errors, ...document.warnings];
  if (fault !== undefined) {
    const { line = 1, col: column = 1 } = fault.linePos?.[0] ?? {};
    throw new StrongroomError(
      'invalid_input',
      `line ${line}, column ${column}: this is not JSON or YAML as it is expected`,
      { details: { line, column } },
    );
  }
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch (cause) {
    throw new StrongroomError('invalid_input', 'aliases are not read in this document', { cause });
  }
}
