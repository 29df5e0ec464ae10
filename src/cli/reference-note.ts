import { looksLikeReference } from '../formats/references.ts';
import { wipe } from '../lib/bytes.ts';
import type { SecretValue } from '../secret-value.ts';
import type { Terminal } from './terminal.ts';

/** Tells once a value is set that something in it was not taken for a reference. */
export function noteReferences(value: SecretValue, terminal: Terminal): void {
  if (terminal.isJson || value.kind !== 'text') return;
  const bytes = value.revealBytes();
  try {
    if (!looksLikeReference(bytes)) return;
  } finally {
    wipe(bytes);
  }
  terminal.note(
    'the value has ${…}: it is kept as it is; to have it stand for other secrets, say --references',
  );
}
