// Copies a package and all that it needs from node_modules, as the lock file has
// them, into a directory: what the image has besides the bundle.
//
//   node scripts/optional-packages.js <directory> <package>…
//
// Plain JavaScript, because it also runs where only an older Node is at hand.
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const modules = join(dirname(fileURLToPath(import.meta.url)), '..', 'node_modules');
const [directory, ...wanted] = process.argv.slice(2);
if (directory === undefined || wanted.length === 0) {
  process.stderr.write('usage: optional-packages.js <directory> <package>…\n');
  process.exit(2);
}

const seen = new Set();
for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
  if (seen.has(name)) continue;
  seen.add(name);
  const from = join(modules, name);
  // What lies within another package is copied along with that.
  if (!existsSync(from)) throw new Error(`${name} is not installed`);
  cpSync(from, join(directory, name), { recursive: true });
  const { dependencies = {} } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8'));
  for (const each of Object.keys(dependencies)) {
    if (!existsSync(join(from, 'node_modules', each))) wanted.push(each);
  }
}
