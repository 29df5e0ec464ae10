import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { uuidv7 } from '../../lib/ids.ts';
import { formatEntry } from './entry.ts';
import {
  formatCheckpointLine,
  formatHeaderLine,
  formatHiddenLine,
  formatTileLine,
  parseExportLine,
} from './export-lines.ts';
import { originOf } from './log-origin.ts';

const LOG = '01989b1c-5d0a-7000-8000-000000000001';
const hash = new Uint8Array(32).fill(7);

describe('lines of an export', () => {
  it('are written as the specification has them', () => {
    const origin = originOf(LOG);
    const encoded = 'BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=';
    expect(formatHeaderLine({ origin, size: 3 })).toBe(
      `{"kind":"strongroom-audit-export","origin":"strongroom/${LOG}","size":3,"v":1}`,
    );
    expect(formatHiddenLine({ level: 1, index: 2, hash })).toBe(
      `{"hash":"${encoded}","index":2,"kind":"hidden","level":1}`,
    );
    expect(formatTileLine({ index: 2, hashes: hash })).toBe(
      `{"hashes":"${encoded}","index":2,"kind":"tile","level":0}`,
    );
    expect(formatCheckpointLine('a\nb — c\n')).toBe(
      String.raw`{"kind":"checkpoint","note":"a\nb — c\n"}`,
    );
  });

  it('are read back as they were written', () => {
    const header = { origin: originOf(LOG), size: 0 };
    expect(parseExportLine(formatHeaderLine(header))).toStrictEqual({ kind: 'header', ...header });
    const hidden = { level: 6, index: 0, hash };
    expect(parseExportLine(formatHiddenLine(hidden))).toStrictEqual({ kind: 'hidden', ...hidden });
    const tile = { index: 9, hashes: new Uint8Array(64) };
    expect(parseExportLine(formatTileLine(tile))).toStrictEqual({ kind: 'tile', ...tile });
    const note = 'text\n\n— name c2ln\n';
    expect(parseExportLine(formatCheckpointLine(note))).toStrictEqual({ kind: 'checkpoint', note });
  });

  it('an entry is canonical as its writer writes it, whatever it is about', () => {
    const words = fc.option(fc.string({ unit: 'binary' }), { nil: undefined });
    const fields = fc.record({
      action: fc.string(),
      outcome: fc.constantFrom('ok' as const, 'failed' as const),
      actor: words,
      actorName: words,
      path: words,
      userAgent: words,
      detail: words,
      environment: words,
      workspace: words,
      reason: words,
      rule: words,
      version: fc.option(fc.nat(), { nil: undefined }),
      count: fc.option(fc.nat(), { nil: undefined }),
      credential: fc.option(fc.uuid(), { nil: undefined }),
      usesLeft: fc.option(fc.nat(), { nil: undefined }),
    });
    fc.assert(
      fc.property(fields, fc.nat(), (about, seq) => {
        const place = { log: LOG, seq, time: '2026-11-02T10:00:00.000Z' };
        const line = formatEntry({ request: uuidv7(), ...about }, place);
        expect(parseExportLine(line)).toStrictEqual({ kind: 'entry', log: LOG, seq });
      }),
    );
  });
});
