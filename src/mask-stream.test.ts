import { spawn } from 'node:child_process';
import { text as readText } from 'node:stream/consumers';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, utf8 } from './lib/bytes.ts';
import { createMaskStream } from './mask-stream.ts';
import { Mask, maskSecret } from './mask.ts';
import { SecretValue } from './secret-value.ts';

/** Writes pieces one by one and notes what has come out after each, and at the end. */
async function passing(
  values: readonly (SecretValue | string)[] | Mask,
  pieces: readonly (string | Uint8Array)[],
): Promise<string[]> {
  const stream = createMaskStream(values);
  const seen: string[] = [];
  const next = (): string => {
    const read: unknown = stream.read();
    return read instanceof Uint8Array ? Buffer.from(read).toString('latin1') : '';
  };
  for (const piece of pieces) {
    await new Promise<void>((resolve) => stream.write(piece, () => resolve()));
    seen.push(next());
  }
  stream.end();
  await new Promise((resolve) => setImmediate(resolve));
  seen.push(next());
  return seen;
}

/** Cuts bytes at places that fast-check chooses. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b);
  return [...at, bytes.length].map((end, i) => bytes.subarray(at[i - 1] ?? 0, end));
}

describe('what comes out when', () => {
  test('a prompt without a line end appears at once', async () => {
    expect(await passing(['hunter2!'], ['Password: '])).toEqual(['Password: ', '']);
  });

  test('only what may be the beginning of a value is held back', async () => {
    expect(await passing(['hunter2!'], ['the hun', 't is on', ' h', 'u'])).toEqual([
      'the ',
      'hunt is on',
      ' ',
      '',
      'hu',
    ]);
  });

  test('a value cut anywhere is replaced, at once when it is complete', async () => {
    expect(await passing(['hunter2!'], ['a hunt', 'er2!', ' b'])).toEqual([
      'a ',
      '[secret]',
      ' b',
      '',
    ]);
    const seen = await passing(['hunter2!'], Array.from('hunter2!'));
    expect(seen).toEqual(['', '', '', '', '', '', '', '[secret]', '']);
  });

  test('what is left of a failed beginning may begin another value', async () => {
    expect(await passing(['aab!'], ['aa', 'a', 'b', '!'])).toEqual(['', 'a', '', '[secret]', '']);
  });

  test('the beginning of a value at the end of the input is passed on', async () => {
    expect(await passing(['hunter2!'], ['hunter2'])).toEqual(['', 'hunter2']);
  });

  test('overlapping values are one placeholder, however they arrive', async () => {
    const seen = await passing(['abcd', 'cdef', 'efgh'], ['xabcd', 'ef', 'ghx']);
    expect(seen.join('')).toBe('x[secret]x');
    expect(await passing(['aaaa'], ['aaaa', 'aaaa', 'aa', 'b'])).toEqual([
      '[secret]',
      '',
      '',
      'b',
      '',
    ]);
  });

  test('the longer of two values is waited for only as long as it can come', async () => {
    expect(await passing(['abcd', 'abcdefgh'], ['abcd', 'ef', 'x'])).toEqual([
      '',
      '',
      '[secret]efx',
      '',
    ]);
    expect(await passing(['abcd', 'abcdefgh'], ['abcdef'])).toEqual(['', '[secret]ef']);
  });
});

describe('bytes', () => {
  test('that are not text pass byte for byte around a value', async () => {
    const noise = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const input = concat([noise, utf8('hunter2!'), noise]);
    const seen = await passing([SecretValue.text('hunter2!')], [input]);
    const plain = Buffer.from(noise).toString('latin1');
    expect(seen.join('')).toBe(`${plain}[secret]${plain}`);
  });

  test('of a value that is no text are found', async () => {
    const value = SecretValue.bytes(Uint8Array.of(0, 255, 0, 254));
    const pieces = [Uint8Array.of(1, 0, 255), Uint8Array.of(0, 254, 1)];
    expect((await passing([value], pieces)).join('')).toBe('\u0001[secret]\u0001');
  });

  test('without values pass at once', async () => {
    expect(await passing([], ['abc', 'def'])).toEqual(['abc', 'def', '']);
  });
});

test('two streams can share a mask', async () => {
  const mask = new Mask(['hunter2!']);
  const [one, other] = await Promise.all([
    passing(mask, ['hunt', 'er2!']),
    passing(mask, ['er2!', 'hunter2!']),
  ]);
  expect(one.join('')).toBe('[secret]');
  expect(other.join('')).toBe('er2![secret]');
});

test('a value that arrives byte by byte is found at any length', async () => {
  const value = 'ab'.repeat(20_000) + '!';
  const stream = createMaskStream([value]);
  for (const byte of utf8(`a${value}a`)) stream.write(Uint8Array.of(byte));
  stream.end();
  expect(await readText(stream)).toBe('a[secret]a');
});

test('cut anywhere, any input comes out as if it had come in one piece', async () => {
  const few = fc.string({ unit: fc.constantFrom('a', 'b', '"', 'é'), maxLength: 8 });
  const any = fc.string({ unit: 'binary', minLength: 4, maxLength: 16 });
  const value = fc.oneof(few, any);
  const forms: readonly ((value: string) => string)[] = [
    (v) => v,
    (v) => Buffer.from(v).toString('base64'),
    (v) => Buffer.from(`x${v}y`).toString('base64url'),
    (v) => Buffer.from(v).toString('hex'),
    (v) => encodeURIComponent(v),
    (v) => JSON.stringify(v),
    (v) => v.slice(0, -1),
  ];
  const part = fc.tuple(fc.nat(), fc.constantFrom(...forms), fc.oneof(few, fc.string()));
  const cuts = fc.array(fc.nat(), { maxLength: 12 });
  const property = fc.asyncProperty(
    fc.array(value, { minLength: 1, maxLength: 5 }),
    fc.array(part, { maxLength: 10 }),
    cuts,
    async (values, parts, places) => {
      const mask = new Mask(values);
      let input = '';
      for (const [which, form, between] of parts) {
        input += form(values[which % values.length] ?? '') + between;
      }
      const pieces = cut(utf8(input), places);
      const seen = await passing(mask, pieces);
      const whole = Buffer.from(mask.text(input)).toString('latin1');
      expect(seen.join('')).toBe(whole);
    },
  );
  await fc.assert(property, { numRuns: 500 });
});

test('500 values planted at random and cut at random are gone from the output', async () => {
  const id = fc.uint8Array({ minLength: 12, maxLength: 20 });
  const property = fc.asyncProperty(
    fc.array(id, { minLength: 500, maxLength: 500 }),
    fc.array(fc.nat(), { maxLength: 40 }),
    async (values, places) => {
      const secrets = values.map((value) => SecretValue.bytes(value));
      const input = concat(values.flatMap((value, i) => [utf8(`line ${i}: `), value]));
      const seen = (await passing(secrets, cut(input, places))).join('');
      const clear = seen.split('[secret]');
      for (const value of values) {
        const raw = Buffer.from(value).toString('latin1');
        for (const part of clear) if (part.includes(raw)) expect.fail('a value is in the output');
      }
      expect(clear.length).toBeGreaterThan(400);
    },
  );
  await fc.assert(property, { numRuns: 10 });
});

test('the output of a real program is masked while it waits for input', async () => {
  const secret = SecretValue.text('s3cret-of-the-child');
  const child = spawn(
    process.execPath,
    [
      '--eval',
      `process.stdout.write('token ' + process.env.TOKEN + ', go on? ');
       process.stdin.once('data', () => {
         process.stdout.write(Buffer.from(process.env.TOKEN).toString('base64'));
         process.stdin.destroy();
       });`,
    ],
    { env: { TOKEN: secret.reveal() }, stdio: ['pipe', 'pipe', 'inherit'] },
  );
  let seen = '';
  const output = child.stdout.pipe(createMaskStream([secret]));
  for await (const piece of output) {
    seen += String(piece);
    if (seen.endsWith('go on? ')) child.stdin.end('yes\n');
  }
  expect(seen).toBe('token [secret], go on? [secret]');
});

test('maskSecret and the stream say the same', async () => {
  const seen = await passing(['hunter2!'], ['{"password":"hunter2!"}']);
  expect(seen.join('')).toBe(maskSecret('{"password":"hunter2!"}', ['hunter2!']));
});
