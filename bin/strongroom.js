#!/usr/bin/env node
// Checks the Node version, then runs the command line. Plain JavaScript that an
// old Node can read: on one that is too old, a newer Node beside the package
// takes over.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants, homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const NODE_MIN = [24, 15];
const root = join(dirname(fileURLToPath(import.meta.url)), '..');

const [major, minor] = process.versions.node.split('.').map(Number);
if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) await runHere();
else runWithNewerNode();

async function runHere() {
  const { enableCompileCache } = await import('node:module');
  // Not where Node keeps it by default: compiled code in a directory for everybody could be another's.
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  if (isAbsolute(cache)) enableCompileCache(join(cache, 'strongroom', 'compiled'));
  const compiled = join(root, 'dist', 'bundle', 'main.js');
  const { main } = await import(
    existsSync(compiled) ? compiled : join(root, 'src', 'cli', 'main.ts')
  );
  await main(process.argv.slice(2));
}

function runWithNewerNode() {
  const node = join(root, 'node_modules', 'node', 'bin', 'node');
  if (!existsSync(node)) {
    process.stderr.write(
      `strongroom: needs Node ${NODE_MIN.join('.')} or newer, and this is ${process.versions.node}\n` +
        'strongroom: hint: install a newer Node, and run strongroom with it\n',
    );
    process.exitCode = 1;
    return;
  }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  for (const signal of Object.keys(constants.signals)) forward(signal, child);
  child.on('error', () => {
    process.stderr.write(`strongroom: ${node} cannot be started\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    if (signal === null) {
      process.exitCode = code;
      return;
    }
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/** A signal of the terminal reaches the whole group by itself; what comes to this process alone is passed on. */
function forward(signal, child) {
  if (['SIGKILL', 'SIGSTOP', 'SIGCHLD', 'SIGPROF', 'SIGUSR1'].includes(signal)) return;
  try {
    process.on(signal, () => child.kill(signal));
  } catch {
    // Not every signal can be caught on every system.
  }
}
