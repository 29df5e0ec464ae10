import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readExportLines } from './read-export-lines.ts';

async function read(...chunks: Uint8Array[]): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of readExportLines(chunks)) lines.push(line);
  return lines;
}

const tampered = expect.objectContaining({ code: 'audit_tampered' });

describe('readExportLines', () => {
  it('gives the lines that were joined, however the bytes are cut into chunks', async () => {
    const line = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\n'));
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.integer({ min: 1, max: 9 }), async (lines, step) => {
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
        const chunks: Uint8Array[] = [];
        for (let at = 0; at < bytes.length; at += step) chunks.push(bytes.subarray(at, at + step));
        expect(await read(...chunks)).toStrictEqual(lines);
      }),
    );
  });

  it('smooths nothing over: byte order marks and carriage returns stay', async () => {
    expect(await read(Buffer.from('\ufeffa\r\n\n'))).toStrictEqual(['\ufeffa\r', '']);
  });

  it('refuses bytes that are not UTF-8, a line without end, and one that is too long', async () => {
    await expect(read(Buffer.from([0x61, 0xff, 0x0a]))).rejects.toThrow(tampered);
    await expect(read(Buffer.from('a\n'), Buffer.from([0xc3]))).rejects.toThrow(tampered);
    await expect(read(Buffer.from('a\nb'))).rejects.toThrow(tampered);
    const long = Buffer.alloc(600_000, 'a');
    await expect(read(long, long, Buffer.from('\n'))).rejects.toThrow(tampered);
  });
});
