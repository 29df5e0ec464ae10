// Compiles src/ to dist/, and puts the library and the command line into few
// files, since loading several hundred modules would take most of a command's
// time (docs/adr/0003-bundled-modules.md). Plain JavaScript, because it also
// runs where only an older Node is at hand.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
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

const { build } = await import('rolldown');
await build({
  cwd: root,
  input: ['dist/cli/main.js', 'dist/index.js'],
  platform: 'node',
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
