#!/usr/bin/env node
// Checks the Node version, then runs the command line. Plain JavaScript that an
// old Node can read: on one that is too old, a newer Node beside the package
// takes over.
import { spawn } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync } from 'node:fs';
import { constants, homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import process from 'node:process';
import { isatty } from 'node:tty';
import { fileURLToPath } from 'node:url';

// As `engines` in package.json says.
const NODE_MIN = [24, 15];

// What cannot be caught or belongs to this process alone, faults of this
// process, and what stops and continues the whole group.
const NOT_FORWARDED = new Set(
  'KILL STOP CHLD PROF PIPE XFSZ SEGV BUS FPE ILL TRAP ABRT IOT SYS TSTP TTIN TTOU CONT'
    .split(' ')
    .map((name) => `SIG${name}`),
);
// What a terminal sends to the whole group, so that the child has it already.
const FROM_TERMINAL = new Set(['SIGINT', 'SIGQUIT', 'SIGWINCH']);

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

const [major, minor] = process.versions.node.split('.').map(Number);
if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) await runHere();
else runWithNewerNode();

async function runHere() {
  const { enableCompileCache } = await import('node:module');
  const cache = compileCache();
  if (cache !== undefined) enableCompileCache(cache);
  const compiled = join(root, 'dist', 'bundle', 'main.js');
  const { main } = await import(
    existsSync(compiled) ? compiled : join(root, 'src', 'cli', 'main.ts')
  );
  await main(process.argv.slice(2));
}

/**
 * The directory of compiled code. Not where Node keeps it by default: whoever
 * can write there has their code run by us. Without a place that only this
 * user can write there is none.
 */
function compileCache() {
  if (process.env.NODE_DISABLE_COMPILE_CACHE !== undefined) return undefined;
  try {
    const base = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
    if (!isAbsolute(base)) return undefined;
    const own = join(base, 'strongroom');
    const directory = join(own, 'compiled');
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return [base, own, directory].every(isOnlyOurs) ? directory : undefined;
  } catch {
    // There may be no home, as in a container under any user id, or no room: it works without, only slower.
    return undefined;
  }
}

function isOnlyOurs(path) {
  const stat = lstatSync(path);
  if (!stat.isDirectory()) return false;
  if (process.geteuid === undefined) return true;
  return stat.uid === process.geteuid() && (stat.mode & 0o022) === 0;
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
    // For a signal that this process ignores.
    process.exitCode = 128 + constants.signals[signal];
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/** Survives a signal, and passes it on unless the terminal has given it to the child as well. */
function forward(signal, child) {
  if (NOT_FORWARDED.has(signal)) return;
  const isShared = FROM_TERMINAL.has(signal) && [0, 1, 2].some((file) => isatty(file));
  try {
    process.on(signal, () => {
      if (!isShared) child.kill(signal);
    });
  } catch {
    // Not every signal can be caught on every system.
  }
}
