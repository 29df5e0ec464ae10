import { openVault } from '../../src/core/open-vault.ts';
import { createSession } from '../../src/core/session.ts';
import { SecretValue } from '../../src/secret-value.ts';
import { serializeLayout } from '../../src/formats/dotenv-layout.ts';
import { parseDotenv } from '../../src/formats/dotenv.ts';
import type { CallOptions } from '../../src/core/context.ts';

// Plants markers in every member of every input, in every type, and logs what
// comes back as a careless program would. Started by a test, in a process of its own.

/** The first part of every marker; a number follows. */
const MARKER = 'mArKeR-7c1e-';
/** Markers that are numbers begin with this. */
const NUMBER = 770_000_000;

type Call = (input: unknown, options?: CallOptions) => Promise<unknown>;

let planted = 0;
const next = (): string => `${MARKER}${String((planted += 1)).padStart(4, '0')}`;
const nextNumber = (): number => NUMBER + (planted += 1);
const bytes = (): Uint8Array => new TextEncoder().encode(next());

/** Things that stand where a name, a number, a list or a switch belongs. */
const misfits: readonly (() => unknown)[] = [
  () => `${next()} with a space`,
  () => `../${next()}`,
  () => nextNumber() + 0.5,
  () => bytes(),
  // A tag that is one would be in clear, as names are.
  () => [`${next()}\n`],
  () => ({ [next()]: next() }),
  () => SecretValue.text(next()),
  () => BigInt(nextNumber()),
  () => new Map([[next(), next()]]),
  () => new Error(next()),
  () => Symbol(next()),
  () => Buffer.from(next()),
];

/** Values as they should be. */
const values: readonly (() => unknown)[] = [
  () => next(),
  () => bytes(),
  () => Buffer.from(next()),
  () => SecretValue.text(next()),
  () => SecretValue.bytes(bytes()),
  () => ({ user: next(), password: next(), key: bytes(), hidden: SecretValue.text(next()) }),
];

/** Values that are none. */
const noValues: readonly (() => unknown)[] = [
  () => [next()],
  () => ({ a: { b: next() } }),
  () => ({ [`${next()} `]: next() }),
  () => ({ good: next(), 'b d': next() }),
  () => `${next()}\ud800`,
  () => next().repeat(100_000),
  () => ({ a: next().repeat(50_000), b: next().repeat(50_000) }),
  () => new TextEncoder().encode(next().repeat(100_000)),
  () => nextNumber(),
  () => () => next(),
];

/** An input of each operation that would do, and the members that it may have. */
const inputs: Readonly<Record<string, readonly [object, string]>> = {
  'secrets.create': [
    { environment: 'testing', path: 'a', value: 'v' },
    'workspace environment path value type tags description expiresAt',
  ],
  'secrets.read': [
    { environment: 'testing', path: 'a' },
    'workspace environment path version field',
  ],
  'secrets.update': [
    { environment: 'testing', path: 'a', value: 'v' },
    'workspace environment path value type tags description expiresAt replace cas',
  ],
  'secrets.write': [
    { environment: 'testing', path: 'a', value: 'v' },
    'workspace environment path value type typeIfNew tags description expiresAt replace cas',
  ],
  'secrets.delete': [{ environment: 'testing', path: 'a' }, 'workspace environment path cas'],
  'secrets.undelete': [{ environment: 'testing', path: 'a' }, 'workspace environment path'],
  'secrets.list': [{}, 'workspace environment prefix type tag limit cursor'],
  'secrets.history': [{ path: 'a' }, 'workspace environment path'],
  'secrets.describe': [{ environment: 'testing', path: 'a' }, 'workspace environment path'],
  'secrets.import': [
    { environment: 'testing', secrets: [] },
    'workspace environment secrets layout',
  ],
  'layouts.read': [{ environment: 'testing' }, 'workspace environment'],
  'workspaces.create': [{ name: 'a' }, 'name'],
  'workspaces.list': [{}, ''],
  'environments.create': [{ name: 'a' }, 'workspace name'],
  'environments.list': [{}, 'workspace'],
  'audit.query': [{}, 'path environment workspace action actor outcome since until limit before'],
  'audit.export': [{}, 'from checkpoint'],
  'audit.verify': [{}, ''],
  'audit.proof': [{ seq: 0 }, 'seq'],
  'audit.checkpoint': [{}, ''],
  'audit.key': [{}, ''],
  'health.read': [{}, ''],
};

const [path = '', configDirectory = ''] = process.argv.slice(2);
const vault = await openVault(path, { configDirectory, holder: 'markers' });
const asOwner = (): Readonly<Record<string, Readonly<Record<string, Call>>>> =>
  createSession(
    vault,
    { principal: 'ada', ip: '192.0.2.1', userAgent: 'tests', sessionId: next() },
    'library',
  ) as never;
let calls = 0;

async function run(name: string, input: unknown, options?: CallOptions): Promise<void> {
  const [group = '', method = ''] = name.split('.');
  calls += 1;
  try {
    const answer = await asOwner()[group]?.[method]?.(input, options);
    // What a secret is for is what this one is asked for.
    if (name === 'secrets.describe') return;
    console.log(name, answer, JSON.stringify(answer), String(answer));
  } catch (error) {
    console.error(name, error);
    console.error(String(error), JSON.stringify(error));
  }
}

for (const [name, [good, members]] of Object.entries(inputs)) {
  for (const member of members.split(' ').filter((each) => each !== '')) {
    for (const misfit of misfits) await run(name, { ...good, [member]: misfit() });
  }
  await run(name, { ...good, [next()]: next() });
  await run(name, [next()]);
  await run(name, good, { idempotencyKey: next() });
  await run(name, good, { idempotencyKey: next().repeat(20) });
}
for (const name of ['secrets.create', 'secrets.write', 'secrets.update']) {
  for (const [index, value] of [...values, ...noValues].entries()) {
    const at = { environment: 'staging', path: `${name}/${index}`, description: next() };
    await run(name, { ...at, value: value() }, { idempotencyKey: next() });
    await run(name, { ...at, value: value(), cas: 7 });
  }
}
for (const value of [...values, ...noValues]) {
  const secrets = [
    { path: 'imported/one', value: next() },
    { path: 'imported/two', value: value() },
  ];
  const text = `A=${next()}\n# ${next()}\nB="${next()}"\n`;
  const layout = SecretValue.text(serializeLayout(parseDotenv(text)));
  await run('secrets.import', { environment: 'production', secrets, layout });
}
for (const at of [{ path: 'imported/one' }, { path: 'imported/two' }]) {
  await run('secrets.read', { environment: 'production', ...at });
}
await run('layouts.read', { environment: 'production' });
const stranger = createSession(vault, { principal: next(), sessionId: next() }, 'library');
await stranger.health.read().catch((error: unknown) => console.error(error));
await vault.close();
console.log(`planted ${planted} calls ${calls}`);
