import assert from 'node:assert';
import { spawn } from 'node:child_process';
import { Console } from 'node:console';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { text as readText } from 'node:stream/consumers';
import { format, inspect, type InspectOptions } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import { Worker } from 'node:worker_threads';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StrongroomError, type ErrorCode } from './errors.ts';
import { utf8 } from './lib/bytes.ts';
import { SecretValue } from './secret-value.ts';

const MARKER = 'marker-7f3a9c-of-a-secret-value';
const MARKER_FORMS = [
  MARKER,
  MARKER.slice(1),
  Buffer.from(MARKER).toString('base64').slice(0, 16),
  Buffer.from(MARKER).toString('hex').slice(0, 16),
  // How inspect prints bytes, and how JSON and String do.
  [...utf8(MARKER.slice(0, 6))].map((byte) => byte.toString(16)).join(' '),
  [...utf8(MARKER.slice(0, 6))].join(', '),
  [...utf8(MARKER.slice(0, 6))].join(','),
  JSON.stringify(utf8(MARKER.slice(0, 6))).slice(0, -1),
];
const secrets = {
  text: SecretValue.text(MARKER),
  bytes: SecretValue.bytes(utf8(MARKER)),
};

const EVERY_INSPECTION: readonly InspectOptions[] = [true, false].flatMap((customInspect) =>
  [true, false].flatMap((showHidden) =>
    [true, false].flatMap((showProxy) =>
      ([true, false, 'get', 'set'] as const).flatMap((getters) =>
        [0, 1, null].map((depth) => ({ customInspect, showHidden, showProxy, getters, depth })),
      ),
    ),
  ),
);

function expectHidden(printed: string | Uint8Array): void {
  const text = typeof printed === 'string' ? printed : Buffer.from(printed).toString('latin1');
  for (const form of MARKER_FORMS) expect(text.includes(form)).toBe(false);
}

function codeOf(action: () => unknown): ErrorCode | undefined {
  try {
    action();
  } catch (error) {
    if (error instanceof StrongroomError) return error.code;
    throw error;
  }
  return undefined;
}

test('the marker is found where nothing hides it', () => {
  for (const open of [inspect(MARKER), inspect(utf8(MARKER)), JSON.stringify(utf8(MARKER))]) {
    expect(MARKER_FORMS.some((form) => open.includes(form))).toBe(true);
  }
});

describe.each(Object.entries(secrets))('a value of kind %s', (_kind, secret) => {
  const holders = (): readonly unknown[] => [
    secret,
    [secret],
    { a: { b: { c: { d: secret } } } },
    new Map([[secret, secret]]),
    new Set([secret]),
    new Proxy(secret, {}),
    new Error('outer', { cause: secret }),
    new Error('outer', { cause: new Error('inner', { cause: { secret } }) }),
    new AggregateError([secret, new Error('x', { cause: secret })], 'several', { cause: secret }),
    Object.assign(new Error('with a property'), { secret }),
    new StrongroomError('internal', 'it failed', { cause: secret }),
    Object.create(secret),
    Promise.resolve(secret),
  ];

  test('is [secret] to inspect, and hidden with every option', () => {
    expect(inspect(secret)).toBe('[secret]');
    expect(inspect({ secret })).toBe('{ secret: [secret] }');
    for (const holder of holders()) {
      for (const options of EVERY_INSPECTION) expectHidden(inspect(holder, options));
    }
  });

  test('does not print its length, whatever inspect is told to show', () => {
    const all = { customInspect: false, showHidden: true, getters: true, depth: null } as const;
    expect(inspect(secret, all)).toMatch(/^SecretValue \[secret\] \{/);
    expect(inspect(secret, all)).not.toContain(String(MARKER.length));
  });

  test('is [secret] at a depth that inspect cuts off', () => {
    expect(inspect({ a: { b: { c: secret } } }, { depth: 2 })).toContain('[secret]');
  });

  test('is [secret] in strings', () => {
    // oxlint-disable-next-line typescript/restrict-template-expressions
    expect(`${secret}`).toBe('[secret]');
    expect(String(secret)).toBe('[secret]');
    // oxlint-disable-next-line typescript/restrict-plus-operands
    expect('' + secret).toBe('[secret]');
    expect([secret, secret].join()).toBe('[secret],[secret]');
    expect(secret.toLocaleString()).toBe('[secret]');
    expect(Number(secret)).toBeNaN();
    expect(Object.prototype.toString.call(secret)).toBe('[object secret]');
    expect(new URLSearchParams([['password', String(secret)]]).toString()).not.toContain('marker');
  });

  test('is [secret] to JSON', () => {
    expect(JSON.stringify(secret)).toBe('"[secret]"');
    expect(JSON.stringify({ a: [secret] })).toBe('{"a":["[secret]"]}');
    expect(JSON.stringify(new Proxy(secret, {}))).toBe('"[secret]"');
  });

  test.each(['%s', '%o', '%O', '%j', '%d', '%i', '%f', '%c', 'plain'])(
    'is hidden by util.format with %s',
    (placeholder) => {
      expectHidden(format(placeholder, secret));
      expectHidden(format(placeholder, { secret }));
    },
  );

  test('is hidden by every method of the console', () => {
    const stream = new PassThrough();
    const log = new Console({ stdout: stream, stderr: stream });
    for (const holder of holders()) {
      log.log(holder);
      log.error('%s %o', holder, holder);
      log.dir(holder, { showHidden: true, depth: null });
      log.table([holder]);
      log.table({ holder });
    }
    log.table(secret);
    log.table([{ secret }]);
    log.assert(false, secret);
    log.trace(secret);
    const printed = String(stream.read());
    expect(printed).toContain('[secret]');
    expectHidden(printed);
  });

  test('is hidden in the messages of assertions', () => {
    const attempts = [
      (): void => assert.deepStrictEqual(secret, { other: 1 }),
      (): void => assert.deepStrictEqual({ a: [secret] }, { a: [1] }),
      (): void => assert.strictEqual(secret, MARKER.length + 1),
      (): void => assert.notStrictEqual(secret, secret),
      (): void => assert.ifError(secret),
      (): void => expect(secret).toEqual({ other: 1 }),
      (): void => expect({ secret }).toMatchObject({ secret: 1 }),
    ];
    for (const attempt of attempts) {
      let failure: unknown;
      try {
        attempt();
      } catch (error) {
        failure = error;
      }
      expect(failure).toBeInstanceOf(Error);
      expectHidden(failure instanceof Error ? failure.message : '');
    }
  });

  test('has no properties to enumerate, copy or reflect on', () => {
    expect(Reflect.ownKeys(secret)).toEqual([]);
    expect(Object.entries(secret)).toEqual([]);
    // oxlint-disable-next-line typescript/no-misused-spread
    expect(Reflect.ownKeys({ ...secret })).toEqual([]);
    expect(Reflect.ownKeys(Object.assign({}, secret))).toEqual([]);
    const names: string[] = [];
    for (const name in secret) names.push(name);
    expect(names).toEqual([]);
  });

  test('gives no bytes through properties of its prototype', () => {
    const allowed = ['reveal', 'revealBytes', 'masked', 'constructor'];
    for (const key of Reflect.ownKeys(SecretValue.prototype)) {
      const value: unknown = Reflect.get(secret, key);
      if (allowed.includes(String(key)) || typeof value === 'function') continue;
      expectHidden(String(value));
    }
  });

  test('is frozen, and so is its prototype', () => {
    expect(Object.isFrozen(secret)).toBe(true);
    expect(Object.isFrozen(SecretValue.prototype)).toBe(true);
    expect(Reflect.set(SecretValue.prototype, 'toString', () => 'changed')).toBe(false);
  });

  test('is an empty object after a structured clone', () => {
    const clone: object = structuredClone(secret);
    expect(clone).not.toBeInstanceOf(SecretValue);
    expect(Reflect.ownKeys(clone)).toEqual([]);
    const serialized = serialize({ secret });
    expectHidden(serialized);
    expect(deserialize(serialized)).toEqual({ secret: {} });
  });

  test('is an empty object to a worker, sent and as its data', async () => {
    const worker = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads');
       const { inspect } = require('node:util');
       const { serialize } = require('node:v8');
       const show = (value) => inspect(value, { showHidden: true, depth: null });
       parentPort.on('message', (message) => {
         parentPort.postMessage({
           keys: Reflect.ownKeys(message.secret).length + Reflect.ownKeys(workerData.secret).length,
           shown: show(message) + show(workerData),
           raw: serialize([message, workerData]),
         });
       });`,
      { eval: true, workerData: { secret } },
    );
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    worker.postMessage({ secret });
    const [answer] = await once(worker, 'message');
    await worker.terminate();
    expect(answer.keys).toBe(0);
    expect(answer.shown).toBe('{ secret: {} }{ secret: {} }');
    expectHidden(answer.raw);
  });

  test('is [secret] to a Blob and hidden from a Buffer', async () => {
    // @ts-expect-error it is no part of a Blob
    expect(await new Blob([secret]).text()).toBe('[secret]');
    expectHidden(Buffer.from(secret));
  });
});

describe('in a process of its own', () => {
  const module = JSON.stringify(new URL('./secret-value.ts', import.meta.url).href);
  const before = `
    const { SecretValue } = await import(${module});
    const secret = SecretValue.text(process.env.MARKER);
    delete process.env.MARKER;
  `;
  const ends: readonly (readonly [name: string, end: string, shown?: string])[] = [
    [
      'an error with a cause',
      `throw new Error('outer', { cause: new Error('inner', { cause: secret }) });`,
    ],
    [
      'an error with a property',
      `throw Object.assign(new Error('outer'), { secret, list: [secret] });`,
    ],
    [
      'an aggregate of errors',
      `throw new AggregateError([secret, new Error('x', { cause: { secret } })], 'several');`,
    ],
    ['the value itself', `throw secret;`],
    ['a rejection with an error', `Promise.reject(new Error('outer', { cause: [secret] }));`],
    ['a rejection with the value', `Promise.reject(secret);`, 'UnhandledPromiseRejection'],
    ['a warning', `process.emitWarning(String(secret)); throw secret;`],
  ];

  test.each(ends)('%s, uncaught, shows no value', async (_name, end, shown = '[secret]') => {
    const args = ['--trace-uncaught', '--input-type=module', '--eval', before + end];
    const child = spawn(process.execPath, args, { env: { MARKER } });
    const [stdout, stderr] = await Promise.all([readText(child.stdout), readText(child.stderr)]);
    expect(stderr).toContain(shown);
    for (const form of MARKER_FORMS) expect((stdout + stderr).includes(form)).toBe(false);
  });
});

describe('the way out', () => {
  test('text comes back as it was, for any well-formed text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const secret = SecretValue.text(text);
        expect(secret.kind).toBe('text');
        expect(secret.reveal()).toBe(text);
        expect(secret.revealBytes()).toEqual(utf8(text));
        expect(secret.byteLength()).toBe(Buffer.byteLength(text));
        expect(SecretValue.fromUtf8(utf8(text)).reveal()).toBe(text);
      }),
    );
  });

  test('a byte order mark is part of the text', () => {
    expect(SecretValue.text('\ufeffx').reveal()).toBe('\ufeffx');
    expect(SecretValue.fromUtf8(Uint8Array.of(0xef, 0xbb, 0xbf)).reveal()).toBe('\ufeff');
  });

  test('bytes come back as copies, and are not text', () => {
    const source = Uint8Array.of(0, 255, 1);
    const secret = SecretValue.bytes(source);
    source.fill(9);
    secret.revealBytes().fill(8);
    expect(secret.kind).toBe('bytes');
    expect(secret.revealBytes()).toEqual(Uint8Array.of(0, 255, 1));
    expect(codeOf(() => secret.reveal())).toBe('not_text');
  });

  test('what is revealed shares its memory with nothing', () => {
    const pooled = Buffer.from(MARKER);
    for (const secret of [
      SecretValue.text(MARKER),
      SecretValue.bytes(pooled),
      SecretValue.fromUtf8(Buffer.from(MARKER)),
    ]) {
      const bytes = secret.revealBytes();
      expect(bytes.buffer.byteLength).toBe(bytes.length);
      expect(bytes).not.toBeInstanceOf(Buffer);
    }
  });

  test('half a surrogate pair is refused without being shown', () => {
    expect(codeOf(() => SecretValue.text(`${MARKER}\ud800`))).toBe('invalid_input');
    expect(() => SecretValue.text(`${MARKER}\ud800`)).toThrow(/^the value is not well-formed/);
  });

  test('bytes that are not UTF-8 are not taken over as text', () => {
    const bytes = Uint8Array.of(0x61, 0xff);
    expect(codeOf(() => SecretValue.fromUtf8(bytes))).toBe('not_text');
    expect(bytes).toEqual(Uint8Array.of(0x61, 0xff));
  });

  test('the wrong type is named, never the value', () => {
    // @ts-expect-error a number is not a string
    expect(() => SecretValue.text(12345)).toThrow(
      new TypeError('a string was expected, not number'),
    );
    // @ts-expect-error a string is not bytes
    expect(() => SecretValue.bytes(MARKER)).toThrow(
      new TypeError('a Uint8Array was expected, not string'),
    );
    // @ts-expect-error a string is not bytes
    expect(() => SecretValue.fromUtf8(MARKER)).toThrow(
      new TypeError('a Uint8Array was expected, not string'),
    );
  });
});

describe('wiping', () => {
  test('overwrites the bytes that were taken over', () => {
    const bytes = utf8(MARKER);
    const own = new Uint8Array(bytes);
    const secret = SecretValue.fromUtf8(own);
    expect(own).toEqual(bytes);
    secret.wipe();
    expect(own).toEqual(new Uint8Array(bytes.length));
  });

  test('overwrites pooled bytes at once, because a copy is kept', () => {
    const shared = new Uint8Array(64).fill(0x61);
    const secret = SecretValue.fromUtf8(shared.subarray(8, 16));
    expect([...shared.subarray(8, 16)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect(shared[7]).toBe(0x61);
    expect(shared[16]).toBe(0x61);
    expect(secret.reveal()).toBe('aaaaaaaa');
  });

  test('happens at the end of a using block, also when it throws', () => {
    const seen: SecretValue[] = [];
    expect(() => {
      using secret = SecretValue.text(MARKER);
      seen.push(secret);
      expect(secret.reveal()).toBe(MARKER);
      throw new RangeError('on the way');
    }).toThrow(RangeError);
    expect(codeOf(() => seen[0]?.reveal())).toBe('secret_wiped');
  });

  test('leaves nothing to read, and can be repeated', () => {
    const secret = SecretValue.text(MARKER);
    secret.wipe();
    secret.wipe();
    expect(codeOf(() => secret.reveal())).toBe('secret_wiped');
    expect(codeOf(() => secret.revealBytes())).toBe('secret_wiped');
    expect(codeOf(() => secret.byteLength())).toBe('secret_wiped');
    expect(codeOf(() => secret.copy())).toBe('secret_wiped');
    expect(codeOf(() => secret.equals(SecretValue.text('')))).toBe('secret_wiped');
    expect(codeOf(() => SecretValue.text('').equals(secret))).toBe('secret_wiped');
    expect(secret.masked()).toBe('************');
    expect(String(secret)).toBe('[secret]');
  });

  test('a copy revealed before stays with its caller', () => {
    const secret = SecretValue.bytes(Uint8Array.of(1, 2, 3));
    const copy = secret.revealBytes();
    secret.wipe();
    expect(copy).toEqual(Uint8Array.of(1, 2, 3));
  });

  test.each([SecretValue.text(MARKER), SecretValue.bytes(Uint8Array.of(1, 255))])(
    'a copy is the same value, and is wiped by itself',
    (secret) => {
      const [first, second] = [secret.copy(), secret.copy()];
      expect(first.equals(secret) && second.equals(secret)).toBe(true);
      first.wipe();
      expect(second.equals(secret)).toBe(true);
      const bytes = secret.revealBytes();
      secret.wipe();
      expect(second.revealBytes()).toEqual(bytes);
    },
  );
});

describe('the mask', () => {
  test.each([
    ['', '************'],
    ['1234567890123456789', '************'],
    ['12345678901234567890', '********7890'],
    ['é'.repeat(19), '************'],
    [`${'é'.repeat(16)}wxyz`, '********wxyz'],
    [`${'a'.repeat(20)}é🙂z`, '********a**z'],
    [`${'a'.repeat(20)}\u001b[0m`, '*********[0m'],
    [`${'a'.repeat(20)}xyz\n`, '********xyz*'],
  ])('of %j is %s', (text, mask) => {
    expect(SecretValue.text(text).masked()).toBe(mask);
  });

  test('shows nothing of bytes', () => {
    expect(SecretValue.bytes(utf8('a'.repeat(40))).masked()).toBe('************');
  });

  test('always has 12 printable characters and at most the last 4 of the value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        const masked = SecretValue.text(text).masked();
        expect(masked).toMatch(/^\*{8}[!-~]{4}$/);
        const last = Array.from(text).slice(-4);
        const shown = Array.from(masked.slice(-4));
        const long = Array.from(text).length >= 20;
        shown.forEach((character, i) => {
          if (character !== '*') expect(long && character === last[i]).toBe(true);
        });
      }),
    );
  });
});

describe('equality', () => {
  test('is that of kind and bytes', () => {
    expect(SecretValue.text('abc').equals(SecretValue.fromUtf8(utf8('abc')))).toBe(true);
    expect(SecretValue.text('abc').equals(SecretValue.text('abd'))).toBe(false);
    expect(SecretValue.text('abc').equals(SecretValue.text('abcd'))).toBe(false);
    expect(SecretValue.text('abc').equals(SecretValue.bytes(utf8('abc')))).toBe(false);
  });
});
