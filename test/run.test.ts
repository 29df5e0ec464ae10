import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startServed } from './http/served.ts';
import { ended, Sandbox, written } from './sandbox.ts';

const KEY = 'not-a-real-key-0123456789';

let sandbox: Sandbox;

beforeAll(() => {
  sandbox = new Sandbox();
  sandbox.write('.env', `PLAIN_KEY=${KEY}\nSHORT=ab\n`);
  expect(sandbox.run('strongroom init --yes').code).toBe(0);
});

afterAll(() => sandbox[Symbol.dispose]());

describe('a program that is run', () => {
  test('has the process id that strongroom was started with', () => {
    const { stdout } = sandbox.run(`echo $$; exec strongroom run -- sh -c 'echo $$'`);
    const [own, child] = stdout.trim().split('\n');
    expect(child).toBe(own);
  });

  test('has the signal dispositions and the mask of a direct start', () => {
    const direct = sandbox.run('grep -E "Sig(Ign|Blk)" /proc/self/status');
    const through = sandbox.run('strongroom run -- grep -E "Sig(Ign|Blk)" /proc/self/status');
    expect(through.stdout).toBe(direct.stdout);
    expect(direct.stdout).toMatch(/SigIgn/);
  });

  test('is ended by SIGPIPE where nobody reads on', () => {
    const line = `strongroom run -- sh -c 'yes; echo "status $?" >&2' | head -1`;
    expect(sandbox.run(line).stderr).toContain(`status ${128 + 13}`);
  });

  test('has blocking standard streams, whatever they are', () => {
    const show = `strongroom run -- sh -c 'cat /proc/self/fdinfo/[012] > flags'`;
    for (const line of [`sleep 1 | ${show} 2>&1 | cat`, `${show} </dev/null >out 2>&1`]) {
      sandbox.run(line);
      const text = readFileSync(join(sandbox.directory, 'flags'), 'utf8');
      const flags = [...text.matchAll(/flags:\s*([0-7]+)/g)].map(([, value]) => value ?? '');
      expect(flags.length).toBe(3);
      for (const each of flags) expect(Number.parseInt(each, 8) & 0o4000).toBe(0);
    }
  });

  test('has no open files of ours', () => {
    const count = 'sh -c "ls /proc/self/fd | wc -l"';
    expect(sandbox.run(`strongroom run -- ${count}`).stdout).toBe(sandbox.run(count).stdout);
  });

  test('reads all of our standard input', () => {
    const stdin = 'line\n'.repeat(50_000);
    expect(sandbox.run('strongroom run -- cat', { stdin }).stdout).toBe(stdin);
  });

  test('gives its signal as it is', () => {
    expect(sandbox.run(`exec strongroom run -- sh -c 'kill -TERM $$'`).code).toBe('SIGTERM');
    expect(sandbox.run(`exec strongroom run --mask -- sh -c 'kill -TERM $$'`).code).toBe('SIGTERM');
  });

  test('runs if it is a script without an interpreter line', () => {
    sandbox.write('bare', 'echo "bare $PLAIN_KEY $1"\n');
    const { stdout } = sandbox.run('chmod +x bare; strongroom run -- ./bare one');
    expect(stdout).toBe(`bare ${KEY} one\n`);
  });

  test('is refused with 126 if its interpreter is not there, and with 127 if it is not', () => {
    sandbox.write('broken', '#!/no/such/interpreter\n');
    expect(sandbox.run('chmod +x broken; strongroom run -- ./broken').code).toBe(126);
    expect(sandbox.run('strongroom run -- ./missing').code).toBe(127);
  });

  test('is found on the PATH, past files that cannot be executed', () => {
    sandbox.write('first/tool', 'echo first\n');
    sandbox.write('second/tool', '#!/bin/sh\necho second\n');
    const line = 'chmod +x second/tool; PATH="$PWD/first:$PWD/second:$PATH" strongroom run -- tool';
    expect(sandbox.run(line).stdout).toBe('second\n');
  });
});

describe('while a program runs', () => {
  test.each(['', '--mask '])('the vault is free: set works from within (run %s)', (mask) => {
    sandbox.run('strongroom delete SET_WITHIN -e development --yes');
    const inner =
      'printf changed | strongroom set SET_WITHIN -e development && echo "[$SET_WITHIN]"';
    const { stdout, code } = sandbox.run(
      `strongroom run ${mask}-- sh -c '${inner}'; strongroom run -- sh -c 'echo "[$SET_WITHIN]"'`,
    );
    expect(code).toBe(0);
    expect(stdout).toBe('[]\n[changed]\n');
  });

  test('another runs beside it', async () => {
    const wait = (own: string, other: string): string =>
      `: > ${own}; until [ -e ${other} ]; do sleep 0.05; done`;
    const both = [
      sandbox.start('strongroom', 'run', '--', 'sh', '-c', wait('a', 'b')),
      sandbox.start('strongroom', 'run', '--', 'sh', '-c', wait('b', 'a')),
    ];
    expect(await Promise.all(both.map(ended))).toStrictEqual([0, 0]);
  });

  test('with --mask a signal to strongroom reaches it, and its exit code comes back', async () => {
    const trap = `trap 'echo "got it"; exit 5' TERM; echo ready; while :; do sleep 0.05; done`;
    const child = sandbox.start('strongroom', 'run', '--mask', '--', 'sh', '-c', trap);
    await written(child, 'ready');
    child.kill('SIGTERM');
    expect(await ended(child)).toBe(5);
  });

  test('with --mask a signal that comes at once does not leave the program alone', async () => {
    const program = `echo $$ > pid; kill -TERM $PPID; exec sleep 30`;
    const child = sandbox.start('strongroom', 'run', '--mask', '--', 'sh', '-c', program);
    expect(await ended(child)).toBe('SIGTERM');
    const { stdout } = sandbox.run('kill -0 "$(cat pid)" 2> /dev/null && echo alone || echo gone');
    expect(stdout).toBe('gone\n');
  });
});

describe('on a terminal', () => {
  const onTerminal = (command: string, asked: string, typed: string): Promise<string> =>
    sandbox.onTerminal(command, asked, typed);

  const ASK = `sh -c 'test -t 0 && test -t 1 && printf "name? "; read name; echo "hello $name"'`;
  const TRAP = `sh -c 'trap "echo interrupted; exit 3" INT; echo ready; while :; do sleep 0.05; done'`;

  test('a program asks and is answered', async () => {
    expect(await onTerminal(`strongroom run -- ${ASK}`, 'name? ', 'ada\n')).toMatch(
      /^0 [^]*name\? ada\nhello ada\n$/,
    );
  });

  test('Ctrl-C goes to the program, with --mask too, and its exit code comes back', async () => {
    for (const mask of ['', '--mask ']) {
      const outcome = await onTerminal(`strongroom run ${mask}-- ${TRAP}`, 'ready', '\u0003');
      expect(outcome).toMatch(/^3 [^]*ready\n\^Cinterrupted\n$/);
    }
  });

  test('Ctrl-C ends a program that does not care, as if it had been started directly', async () => {
    for (const mask of ['', '--mask ']) {
      const program = `sh -c 'echo ready; exec sleep 600'`;
      const outcome = await onTerminal(`strongroom run ${mask}-- ${program}`, 'ready', '\u0003');
      expect(outcome).toMatch(/^130 /);
    }
  });

  test('it has blocking standard streams', async () => {
    const show = `sh -c 'cat /proc/self/fdinfo/[012] > flags; echo ready; read line'`;
    await onTerminal(`strongroom run -- ${show}`, 'ready', '\n');
    const text = readFileSync(join(sandbox.directory, 'flags'), 'utf8');
    expect(text.match(/flags:/g)).toHaveLength(3);
    // cat's own output is the file.
    for (const [, flags] of text.matchAll(/flags:\s*([0-7]+)/g)) {
      expect(Number.parseInt(flags ?? '', 8) & 0o4000).toBe(0);
    }
  });

  test('its modes are left as they were', async () => {
    const line = `stty -a > before; strongroom run -- sh -c 'stty -a > during; echo ready; read line'; stty -a > after`;
    await onTerminal(`sh -c '${line.replaceAll("'", `'\\''`)}'`, 'ready', '\n');
    const [before, during, after] = ['before', 'during', 'after'].map((name) =>
      readFileSync(join(sandbox.directory, name), 'utf8'),
    );
    expect(during).toBe(before);
    expect(after).toBe(before);
  });
});

describe('--mask', () => {
  test('hides values in both outputs, as they are and encoded, and says what is too short', () => {
    const program = `sh -c 'echo "$PLAIN_KEY"; printf "%s" "x$PLAIN_KEY" | base64 >&2; echo "$SHORT"'`;
    const { stdout, stderr } = sandbox.run(`strongroom run --mask -- ${program}`);
    expect(stdout).toBe('[secret]\nab\n');
    expect(stderr).toMatch(
      /2 values are too short or too ordinary to be hidden in the output: .*SHORT/,
    );
    expect(stderr).not.toContain(Buffer.from(KEY).toString('base64').slice(4, -4));
  });

  test('names a value that is too large to be hidden, and hides the others', () => {
    sandbox.write('large', 'v'.repeat(70_000));
    sandbox.run(
      'strongroom set LARGE -e testing --file large; printf not-a-real-value | strongroom set OTHER -e testing',
    );
    const { stdout, stderr } = sandbox.run(
      `strongroom run -e testing --mask -- sh -c 'echo "$OTHER"; printf "%s" "$LARGE" | wc -c'`,
    );
    expect(stdout).toBe('[secret]\n70000\n');
    expect(stderr).toContain('too large to be hidden in the output: LARGE');
  });

  test('lets go of the program when nobody reads on', () => {
    const { stdout } = sandbox.run(`strongroom run --mask -- yes | head -1`);
    expect(stdout).toBe('y\n');
  });
});

describe('--watch', () => {
  /** Says what it was given, and stays. */
  const SAY = `echo "[$WATCHED]"; trap 'echo hup' HUP; while :; do sleep 0.05; done`;
  const set = (name: string, value: string): void => {
    expect(sandbox.run(`printf '${value}' | strongroom set ${name} -e testing`).code).toBe(0);
  };
  const start = (...options: readonly string[]): ChildProcess => {
    set('WATCHED', 'one');
    return sandbox.start('strongroom', 'run', '-e', 'testing', '--watch', ...options);
  };

  test('starts the program again when a secret that it was given changes, and not for others', async () => {
    const child = start('--only', 'WATCHED', '--', 'sh', '-c', SAY);
    const all = written(child, '[three]');
    await written(child, '[one]');
    set('OTHER_ONE', 'x');
    set('WATCHED', 'two');
    await written(child, '[two]');
    set('WATCHED', 'three');
    expect(await all).toBe('[one]\n[two]\n[three]\n');
    child.kill('SIGTERM');
    expect(await ended(child)).toBe('SIGTERM');
  });

  test('hides the values of now in the output, with --mask', async () => {
    const program = `echo "as $WATCHED"; while :; do sleep 0.05; done`;
    set('WATCHED', 'first-value-0123456789');
    const options = ['-e', 'testing', '--watch', '--mask', '--only', 'WATCHED'];
    const child = sandbox.start('strongroom', 'run', ...options, '--', 'sh', '-c', program);
    const all = written(child, 'as [secret]\nas [secret]\n');
    await written(child, 'as [secret]');
    set('WATCHED', 'second-value-0123456789');
    expect(await all).toBe('as [secret]\nas [secret]\n');
    child.kill('SIGTERM');
    await ended(child);
  });

  test('sends a signal instead, where that is asked for', async () => {
    const child = start('--on-change', 'signal', '--', 'sh', '-c', SAY);
    const all = written(child, 'hup');
    await written(child, '[one]');
    set('WATCHED', 'two');
    expect(await all).toBe('[one]\nhup\n');
    child.kill('SIGTERM');
    await ended(child);
  });

  test('lets the program run on where the new values cannot be read, and says so once', async () => {
    const child = start('--', 'sh', '-c', SAY);
    let said = '';
    child.stderr?.on('data', (chunk: Uint8Array) => (said += Buffer.from(chunk).toString()));
    await written(child, '[one]');
    const next = written(child, '[three]');
    set('NODE_OPTIONS', 'no-such-option');
    await until(() => said.includes('runs on'));
    set('WATCHED', 'two');
    await sleep(2000);
    expect(child.exitCode).toBeNull();
    expect(sandbox.run('strongroom delete NODE_OPTIONS -e testing --yes').code).toBe(0);
    set('WATCHED', 'three');
    expect(await next).toMatch(/\[three\]\n$/);
    expect(said.match(/runs on/g)).toHaveLength(1);
    child.kill('SIGTERM');
    await ended(child);
  });

  test('ends when the program ends by itself, as it does', async () => {
    expect(await ended(start('--', 'sh', '-c', 'exit 7'))).toBe(7);
  });

  test('follows a server', async () => {
    const served = await startServed();
    const write = (value: string): Promise<unknown> =>
      served.owner().secrets.write({ environment: 'testing', path: 'WATCHED', value });
    await write('one');
    const env = `STRONGROOM_ADDR=http://127.0.0.1:${served.server.port} STRONGROOM_TOKEN=${served.token}`;
    const line = `${env} exec strongroom run -e testing --watch -- sh -c '${SAY.replaceAll("'", `'\\''`)}'`;
    const child = sandbox.start('sh', '-c', line);
    const all = written(child, '[two]');
    await written(child, '[one]');
    await write('two');
    expect(await all).toBe('[one]\n[two]\n');
    child.kill('SIGTERM');
    expect(await ended(child)).toBe('SIGTERM');
    await served.close();
  });

  test('what goes with it alone is refused without it', () => {
    expect(sandbox.run('strongroom run --signal HUP -- true').code).toBe(125);
    expect(sandbox.run('strongroom run --watch --signal HUP -- true').code).toBe(125);
    expect(
      sandbox.run('strongroom run --watch --on-change signal --signal NONE -- true').code,
    ).toBe(125);
  });
});

async function until(is: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200 && !is(); tries += 1) await sleep(50);
  expect(is()).toBe(true);
}

describe('what a program cannot be given', () => {
  test('a variable above 128 KiB is refused by name, and the program is not started', () => {
    sandbox.write('huge', 'v'.repeat(200_000));
    sandbox.run('strongroom set HUGE -e production --file huge');
    const { code, stderr } = sandbox.run('strongroom run -e production -- touch started');
    expect(code).toBe(125);
    expect(stderr).toContain('HUGE');
    expect(existsSync(join(sandbox.directory, 'started'))).toBe(false);
  });

  test('many large variables reach it, though they are too many for the first way', () => {
    const lines = Array.from({ length: 4 }, (_, at) => `BIG_${at}=${'v'.repeat(100_000)}`);
    const line =
      'strongroom import - -e staging && strongroom run -e staging -- sh -c \'printf %s "$BIG_0$BIG_3" | wc -c\'';
    expect(sandbox.run(line, { stdin: lines.join('\n') }).stdout).toBe('200000\n');
  });

  test('the vault is opened by nobody if the program is not there', () => {
    const count = `strongroom audit list --json --limit 1000 | grep -c secrets.read || true`;
    const before = sandbox.run(count).stdout;
    expect(sandbox.run('strongroom run -- no-such-program').code).toBe(127);
    expect(sandbox.run(count).stdout).toBe(before);
  });

  test('each secret has its own entry on record', () => {
    const count = `strongroom audit list --json --limit 1000 | grep -c secrets.read || true`;
    sandbox.write('two.env', 'ONE=1\nTWO=2\n');
    const before = Number(sandbox.run(count).stdout);
    sandbox.run('strongroom run -e development --only PLAIN_KEY,SHORT -- true');
    expect(Number(sandbox.run(count).stdout)).toBe(before + 2);
  });
});
