import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { utf8 } from './lib/bytes.ts';
import { Mask, MASK_BYTES_MIN, maskSecret } from './mask.ts';
import { SecretValue } from './secret-value.ts';

const VALUE = 'p@ss "wörd"/1+2=3&<4>~!*\'(5)';

/** Every form of a value, written down independently of the code under test. */
function formsOf(value: string): string[] {
  const bytes = Buffer.from(value);
  const component = encodeURIComponent(value);
  const lower = component.replaceAll(/%../g, (hex) => hex.toLowerCase());
  return [
    value,
    bytes.toString('base64'),
    bytes.toString('base64').replaceAll('=', ''),
    bytes.toString('base64url'),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    component,
    lower,
    component.replaceAll('%20', '+'),
    new URLSearchParams({ v: value }).toString().slice(2),
    JSON.stringify(value).slice(1, -1),
  ];
}

describe('one value', () => {
  test.each([...new Set(formsOf(VALUE))])('goes in the form %s', (form) => {
    expect(maskSecret(`before ${form} after`, [VALUE])).toBe('before [secret] after');
    expect(maskSecret(form, [SecretValue.text(VALUE)])).toBe('[secret]');
  });

  test.each([
    ['what Python escapes in JSON', 'w\\u00f6rd \\"x\\"', 'wörd "x"'],
    ['what Python escapes in JSON and leaves', 'w\\u00f6rd/', 'wörd/'],
    ['what Go escapes in JSON', 'a\\u003cb\\u003e\\u0026c', 'a<b>&c'],
    ['what PHP escapes in JSON', 'https:\\/\\/x', 'https://x'],
    ['what Python escapes in URLs', '%28a+b%29%21~', '(a b)!~'],
    ['what Go escapes in URLs', '%2A%27a%20b', "*'a b"],
    ['base64 with the line end it was stored with', 'YWJjZGVmCg==', 'abcdef\n'],
    ['a value without the line end it was stored with', 'abcdef', 'abcdef\n'],
  ])('goes as %s', (_name, form, value) => {
    expect(maskSecret(`<${form}>`, [value])).toBe('<[secret]>');
  });

  test('goes in base64 of a longer text, but for the characters it shares', () => {
    for (let before = 0; before < 6; before += 1) {
      for (let after = 0; after < 6; after += 1) {
        const encoded = Buffer.from(`${'u'.repeat(before)}${VALUE}${'v'.repeat(after)}`);
        for (const encoding of ['base64', 'base64url'] as const) {
          const masked = maskSecret(encoded.toString(encoding), [VALUE]);
          const [head, tail, ...more] = masked.split('[secret]');
          expect(more).toEqual([]);
          expect(head).toHaveLength(Math.ceil((before * 8) / 6));
          const end = Math.floor(((encoded.length - after) * 8) / 6);
          const characters = Math.ceil((encoded.length * 8) / 6);
          expect(tail?.replaceAll('=', '')).toHaveLength(after === 0 ? 0 : characters - end);
        }
      }
    }
  });

  test('goes in the credentials of a Basic header', () => {
    const header = `Basic ${Buffer.from(`admin:${VALUE}`).toString('base64')}`;
    expect(maskSecret(header, [VALUE])).toBe('Basic YWRtaW46[secret]');
  });

  test('of bytes goes as bytes, base64 and hex, and as text if it is text', () => {
    const value = SecretValue.bytes(Uint8Array.of(0, 255, 1, 254, 2, 253));
    expect(maskSecret('AP8B/gL9 AP8B_gL9 00ff01fe02fd 00FF01FE02FD', [value])).toBe(
      '[secret] [secret] [secret] [secret]',
    );
    expect(maskSecret('a%20b%22', [SecretValue.bytes(utf8('a b"'))])).toBe('[secret]');
  });
});

describe('several values', () => {
  test('the longest goes whole where one is inside another', () => {
    expect(maskSecret('abcdefgh abcd', ['abcd', 'abcdefgh', 'cdef'])).toBe('[secret] [secret]');
  });

  test('no rest stays where two overlap', () => {
    expect(maskSecret('xabcdefghx', ['abcdef', 'defgh'])).toBe('x[secret]x');
  });

  test('values side by side are two', () => {
    expect(maskSecret('abcdwxyz', ['abcd', 'wxyz'])).toBe('[secret][secret]');
  });
});

describe('short values', () => {
  test('stay visible under 4 bytes, and are counted', () => {
    expect(MASK_BYTES_MIN).toBe(4);
    const mask = new Mask(['', '123', ' yes ', 'é1', '    \n', bytesSecret(0xff, 0, 0)]);
    expect(mask.unmasked).toBe(6);
    expect(mask.text('123 yes é1     ')).toBe('123 yes é1     ');
  });

  test('are masked from 4 bytes on', () => {
    const mask = new Mask(['1234', 'éé', '🙂', bytesSecret(0xff, 0, 0, 0)]);
    expect(mask.unmasked).toBe(0);
    expect(mask.text('1234 éé 🙂 ff000000')).toBe('[secret] [secret] [secret] [secret]');
  });
});

function bytesSecret(...bytes: number[]): SecretValue {
  return SecretValue.bytes(Uint8Array.from(bytes));
}

describe('the text around', () => {
  test('stays as it is, whatever characters it has', () => {
    const around = fc.string({ unit: 'binary', maxLength: 30 });
    fc.assert(
      fc.property(around, around, (before, after) => {
        expect(maskSecret(`${before}hunter2!${after}`, ['hunter2!'])).toBe(
          `${before}[secret]${after}`,
        );
        expect(maskSecret(before, ['hunter2!'])).toBe(before);
      }),
    );
  });

  test('keeps half surrogate pairs', () => {
    expect(maskSecret('\ud800hunter2!\udc00x', ['hunter2!'])).toBe('\ud800[secret]\udc00x');
  });

  test('loses the whole character where bytes match a part of it', () => {
    // The end of é, and the beginning of ü.
    const value = bytesSecret(0xa9, 0x61, 0x62, 0xc3);
    expect(maskSecret('xéabüyéabüz', [value])).toBe('x[secret]y[secret]z');
  });
});

test('a wiped value is refused, so that no output passes unmasked', () => {
  const wiped = SecretValue.text('hunter2!');
  wiped.wipe();
  expect(() => maskSecret('hunter2!', [wiped])).toThrow(
    expect.objectContaining({ code: 'secret_wiped' }),
  );
});

test('the values themselves are not wiped', () => {
  const value = SecretValue.text('hunter2!');
  maskSecret('', [value]);
  expect(value.reveal()).toBe('hunter2!');
});

test('a mask does not print the values it holds', () => {
  const printed = inspect(new Mask(['hunter2!']), { showHidden: true, depth: null });
  expect(printed).toBe('Mask { unmasked: 0 }');
});

test('500 values vanish from a text of 1 MiB in every form, and nothing else does', () => {
  const values = Array.from({ length: 500 }, (_, i) =>
    i % 2 === 0 ? randomBytes(24).toString('base64') : `k ${randomBytes(9).toString('hex')}"é\\`,
  );
  const expected: string[] = [];
  const planted: string[] = [];
  let length = 0;
  for (let i = 0; length < 1 << 20; i += 1) {
    const forms = formsOf(values[i % values.length] ?? '');
    const line = `${i} GET /über/42 took 12 ms: `;
    planted.push(line + (forms[i % forms.length] ?? ''));
    expected.push(`${line}[secret]`);
    length += planted.at(-1)?.length ?? 0;
  }
  const masked = maskSecret(planted.join('\n'), values);
  expect(masked === expected.join('\n')).toBe(true);
});

test('no clear part of a masked text has a form of any value', () => {
  const value = fc.string({ unit: 'binary', minLength: 4, maxLength: 12 });
  const step = fc.tuple(fc.nat(), fc.nat(), fc.string({ maxLength: 6 }));
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 1, maxLength: 6 }),
      fc.array(step, { maxLength: 12 }),
      (values, steps) => {
        const masked = values.filter((each) => Buffer.byteLength(each.trim()) >= 4);
        let text = '';
        for (const [which, form, between] of steps) {
          const forms = formsOf(values[which % values.length] ?? '');
          text += (forms[form % forms.length] ?? '') + between;
        }
        const clear = maskSecret(text, values).split('[secret]');
        for (const form of masked.flatMap(formsOf)) {
          for (const part of clear) expect(part.includes(form)).toBe(false);
        }
        const whole = clear.length === 1 && !masked.flatMap(formsOf).some((f) => text.includes(f));
        if (whole) expect(clear[0]).toBe(text);
      },
    ),
    { numRuns: 500 },
  );
});
