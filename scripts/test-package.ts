// Packs the package as it would be published, installs the tarball in an empty
// directory with the ordinary npm, and does the main job with what was
// installed: on the command line, and through the library's door.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';

/** What `npm pack --json` says of a tarball. */
interface Packed {
  readonly filename: string;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string; readonly mode: number }[];
}

const PROJECT = resolve(import.meta.dirname, '..');
const PACKAGES_MAX = 40;
const UNPACKED_BYTES_MAX = 8 * 1024 * 1024;
const VALUE = 'not-a-real-key-77';

const EXPECTED: readonly string[] = [
  'package.json',
  'README.md',
  'LICENSE',
  'SECURITY.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'docs/guide/README.md',
  'docs/spec/envelope.md',
  'bin/strongroom.js',
  'dist/bundle/index.js',
  'dist/index.d.ts',
  'dist/bundle/client.js',
  'dist/bundle/client-web.js',
  'dist/client/index.d.ts',
  'dist/bundle/main.js',
];

/** A link in Markdown to a file of ours, without the part after #. */
const LINK = /\]\((?!https?:|mailto:|#)([^)#\s]+)/g;

/** Code once: the bundle, and the types of the library. */
const WANTED: readonly RegExp[] = [
  /^bin\/strongroom\.js$/,
  /^dist\/bundle\/[\w-]+\.js$/,
  /^dist\/(?!cli\/|bundle\/).*\.d\.ts$/,
  /^docs\/.*\.md$/,
  /^deploy\/[\w.]+$/i,
  /^(package\.json|LICENSE|(README|SECURITY|CONTRIBUTING|CHANGELOG)\.md)$/,
];

const LIBRARY = `
import { init, open, SecretValue, StrongroomError } from 'strongroom';

await init({ path: 'library', owner: 'ada' });
await using vault = await open({ path: 'library' });
const session = vault.as({ principal: 'ada' });
await session.secrets.write({ environment: 'development', path: 'API_KEY', value: '${VALUE}' });
const { value } = await session.secrets.read({ environment: 'development', path: 'API_KEY' });
if (!(value instanceof SecretValue) || value.reveal() !== '${VALUE}') throw new Error('another value');
if (String(value) !== '[secret]') throw new Error('the value prints itself');
try {
  await session.secrets.read({ environment: 'development', path: 'NONE' });
} catch (error) {
  if (error instanceof StrongroomError) console.log(error.code);
}
`;

/** Begins a server for itself with the installed command, and calls it. */
const CLIENT = `
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import {
  appRole,
  connect,
  SecretValue,
  StrongroomError,
  type Client,
  type VaultEnvironment,
} from 'strongroom/client';

const command = ['serve', '--path', 'served', '--owner', 'ada', '--port', '0', '--json'];
const server = spawn('node_modules/.bin/strongroom', command, { stdio: ['ignore', 'pipe', 'ignore'] });
let text = '';
for await (const line of createInterface({ input: server.stdout })) {
  text += line;
  if (line === '}') break;
}
const { address, token }: { readonly address: string; readonly token: string } = JSON.parse(text);
try {
  const client: Client = connect({ address, token });
  await client.secrets.write({ environment: 'development', path: 'API_KEY', value: '${VALUE}' });
  const { value } = await client.secrets.read({ environment: 'development', path: 'API_KEY' });
  if (!(value instanceof SecretValue) || value.reveal() !== '${VALUE}') throw new Error('another value');
  const development: VaultEnvironment = client.environment('development');
  if ((await development.get('API_KEY')).reveal() !== '${VALUE}') throw new Error('another value');
  const machine = connect({ address, signIn: appRole({ address, roleId: 'x', secretId: 'y' }) });
  await machine.auth.whoAmI();
} catch (error) {
  if (error instanceof StrongroomError) console.log(error.code);
  else throw error;
} finally {
  server.kill('SIGTERM');
  await once(server, 'exit');
}
`;

let passed = 0;
let failed = 0;
const base = mkdtempSync(join(tmpdir(), 'strongroom-package-'));
const app = join(base, 'app');
const home = join(base, 'home');

try {
  mkdirSync(app);
  mkdirSync(home);
  const packed = pack();
  test('the tarball holds what people need, and nothing else', () => checkFiles(packed));
  const installed = test('the tarball installs without scripts', () => install(packed));
  if (installed) {
    test('every link in a text leads to a file that is there', () => checkLinks(packed));
    test('no file names a path of this machine', () => checkPaths(packed));
    test(`fewer than ${PACKAGES_MAX} packages are installed`, countPackages);
    test('init makes a vault from a .env', checkInit);
    test('set and get give the value back', checkSetAndGet);
    test('run gives the program its secrets and its exit code', checkRun);
    test('the library opens a vault', checkLibrary);
    test('the client calls a server', checkClient);
    test('the types of library and client are there', checkTypes);
  }
} finally {
  rmSync(base, { recursive: true, force: true });
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;

/** Runs `prepare`, so it is the tarball of a fresh build. */
function pack(): Packed {
  const out = execute('npm', ['pack', '--json', '--pack-destination', base], { cwd: PROJECT });
  const parsed = JSON.parse(out.slice(out.search(/^[[{]/m))) as
    readonly Packed[] | Readonly<Record<string, Packed>>;
  const [packed] = Object.values(parsed);
  assert(packed !== undefined, 'npm pack made no tarball');
  return packed;
}

function checkFiles({ files, unpackedSize }: Packed): void {
  const paths = files.map(({ path }) => path);
  for (const path of EXPECTED) assert(paths.includes(path), `${path} is missing`);
  const others = paths.filter(
    (path) => !WANTED.some((each) => each.test(path)) || /\.(test|map|tsbuildinfo)\b/.test(path),
  );
  assert.deepEqual(others, []);
  assert.deepEqual(
    paths.filter((path) => path.includes('testing/') || /(^|\/)\.env/.test(path)),
    [],
  );
  const bin = files.find(({ path }) => path === 'bin/strongroom.js');
  assert((bin?.mode ?? 0) & 0o100, 'bin/strongroom.js is not executable');
  assert(unpackedSize < UNPACKED_BYTES_MAX, `${unpackedSize} bytes unpacked`);
}

function install({ filename }: Packed): void {
  writeFileSync(join(app, 'package.json'), '{"private":true,"type":"module"}\n');
  execute('npm', ['install', '--ignore-scripts', join(base, filename)]);
}

function checkPaths({ files }: Packed): void {
  const root = join(app, 'node_modules', 'strongroom');
  const ours = [PROJECT, homedir(), base].filter((path) => path.split('/').length > 2);
  const found = files.filter(({ path }) => {
    const text = readFileSync(join(root, path), 'utf8');
    return ours.some((each) => text.includes(each));
  });
  assert.deepEqual(found, []);
  assert.equal(readdirSync(root).includes('src'), false);
}

function checkLinks({ files }: Packed): void {
  const root = join(app, 'node_modules', 'strongroom');
  const texts = files.map(({ path }) => path).filter((path) => path.endsWith('.md'));
  const links = texts.flatMap((path) =>
    Array.from(readFileSync(join(root, path), 'utf8').matchAll(LINK), ([, to = '']) => ({
      path,
      to,
    })),
  );
  const broken = links.filter(({ path, to }) => !existsSync(join(root, dirname(path), to)));
  assert(links.length > 0, 'no links were found');
  assert.deepEqual(broken, []);
}

function countPackages(): void {
  const lines = execute('npm', ['ls', '--omit=dev', '--all', '--parseable']).trim().split('\n');
  const packages = lines.filter((line) => relative(app, line) !== '');
  assert(packages.length > 0 && packages.length < PACKAGES_MAX, `${packages.length} packages`);
}

function checkInit(): void {
  writeFileSync(join(app, '.env'), `# example\nAPI_KEY='${VALUE}'\nPORT=3000\n`);
  const made = strongroom(['init', '--yes']);
  assert(made.includes('2 made'), 'init did not import the .env');
  assert.equal(strongroom(['export']), readFileSync(join(app, '.env'), 'utf8'));
}

function checkSetAndGet(): void {
  strongroom(['set', 'API_KEY', '-e', 'production'], { input: `${VALUE}-live\n` });
  assert.equal(strongroom(['get', 'API_KEY', '-e', 'production']), `${VALUE}-live`);
  assert.equal(strongroom(['get', 'API_KEY']), VALUE);
}

function checkRun(): void {
  const print = 'console.log(process.env.API_KEY, process.env.PORT); process.exitCode = 7';
  const out = strongroom(['run', '--', process.execPath, '-e', print], { exitCode: 7 });
  assert.equal(out, `${VALUE} 3000\n`);
}

function checkLibrary(): void {
  writeFileSync(join(app, 'library.js'), LIBRARY);
  assert.equal(execute(process.execPath, ['library.js']), 'secret_not_found\n');
}

function checkClient(): void {
  writeFileSync(join(app, 'client.ts'), CLIENT);
  assert.equal(execute(process.execPath, ['client.ts']), 'unauthenticated\n');
  // What bundlers take for browsers runs by itself, and has nothing of Node.
  const condition = ['--conditions=browser', '--input-type=module', '-e'];
  const show = "console.log(typeof (await import('strongroom/client')).connect)";
  assert.equal(execute(process.execPath, [...condition, show]), 'function\n');
  const web = join(app, 'node_modules', 'strongroom', 'dist', 'bundle', 'client-web.js');
  assert.doesNotMatch(readFileSync(web, 'utf8'), /^import |\bfrom\s*["']node:/m);
}

/** With every check of the compiler on, against the declarations as they were installed. */
function checkTypes(): void {
  writeFileSync(join(app, 'library.ts'), LIBRARY);
  const compiler = join(PROJECT, 'node_modules', 'typescript', 'bin', 'tsc');
  const types = join(PROJECT, 'node_modules', '@types');
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024'];
  const lib = ['--lib', 'es2024,esnext.disposable', '--types', 'node', '--typeRoots', types];
  const ignore = ['--ignoreConfig', '--skipLibCheck', 'false'];
  execute(process.execPath, [compiler, ...options, ...lib, ...ignore, 'library.ts', 'client.ts']);
}

function strongroom(
  args: readonly string[],
  options: { readonly input?: string; readonly exitCode?: number } = {},
): string {
  return execute(join(app, 'node_modules', '.bin', 'strongroom'), args, options);
}

/** Runs a program in the empty directory; gives what it printed. */
function execute(
  program: string,
  args: readonly string[],
  options: { readonly input?: string; readonly exitCode?: number; readonly cwd?: string } = {},
): string {
  const isNpm = program === 'npm';
  // npm keeps its own settings; everything else must find nothing of this user's.
  const env = isNpm
    ? { ...process.env, NODE_ENV: undefined }
    : { PATH: process.env['PATH'], HOME: home, XDG_CONFIG_HOME: join(home, '.config') };
  const { status, stdout, stderr, error } = spawnSync(program, [...args], {
    cwd: options.cwd ?? app,
    input: options.input ?? '',
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    env,
  });
  if (error !== undefined) throw error;
  assert.equal(
    status,
    options.exitCode ?? 0,
    `${program} ${args[0]}: ${stderr.trim()} ${stdout.trim()}`,
  );
  return stdout;
}

function test(name: string, work: () => void): boolean {
  try {
    work();
    passed += 1;
    process.stdout.write(`ok      ${name}\n`);
    return true;
  } catch (error) {
    failed += 1;
    process.stdout.write(
      `FAILED  ${name}: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    return false;
  }
}
