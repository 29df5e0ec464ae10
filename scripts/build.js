// Compiles src/ to dist/, and puts the library and the command line into few
// files, since loading several hundred modules would take most of a command's
// time (docs/adr/0003-bundled-modules.md). Plain JavaScript, because it also
// runs where only an older Node is at hand.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

function run(name, file, args) {
  const result = spawnSync(process.execPath, [join(root, 'node_modules', name, file), ...args], {
    stdio: ['inherit', 'pipe', 'inherit'],
    cwd: root,
  });
  if (result.status === 0) return;
  process.stderr.write(result.stdout);
  process.exit(result.status ?? 1);
}

rmSync(join(root, 'dist'), { recursive: true, force: true });
run('typescript', 'bin/tsc', ['-p', 'tsconfig.build.json']);

/** One character beyond ASCII would make a file's text take twice its memory, as long as the process runs. */
const ascii = {
  name: 'ascii',
  generateBundle(_options, bundle) {
    for (const chunk of Object.values(bundle)) {
      if (chunk.type !== 'chunk') continue;
      chunk.code = chunk.code.replace(
        /[^\0-\x7f]/g,
        (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
      );
    }
  },
};

/** What people install besides, if they want what it is for. */
const { peerDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const { build } = await import('rolldown');
await build({
  cwd: root,
  external: Object.keys(peerDependencies),
  input: { main: 'dist/cli/main.js', index: 'dist/index.js', client: 'dist/client/index.js' },
  platform: 'node',
  plugins: [ascii],
  output: {
    format: 'esm',
    dir: 'dist/bundle',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    // Reading them would take a part of each command's time; licences stay.
    comments: { legal: true, annotation: false, jsdoc: false },
  },
  logLevel: 'warn',
});

/** Browsers have no modules of Node: what the client has of them is in dist/client/web/. */
const web = {
  name: 'web',
  resolveId(id) {
    if (id.startsWith('node:')) return join(root, 'dist/client/web/node-modules.js');
    return /(^|\/)base64\.js$/.test(id) ? join(root, 'dist/client/web/base64.js') : undefined;
  },
};

await build({
  cwd: root,
  input: { 'client-web': 'dist/client/index.js' },
  platform: 'browser',
  plugins: [web, ascii],
  output: {
    format: 'esm',
    dir: 'dist/bundle',
    comments: { legal: true, annotation: false, jsdoc: false },
  },
  logLevel: 'warn',
});
