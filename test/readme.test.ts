// The documentation, tried: its links lead somewhere, the commands in `console`
// blocks print what stands there, and the programs in `ts` blocks compile and run.
//
// The `console` blocks of a page are one session in a fresh project with a `.env`,
// and begin with a vault unless the page's first command is `strongroom init`; a
// block marked `console fresh` begins another session.
// An output without lines is not compared; `…` stands for any text, and alone in
// a line for any lines; `# exits with 5` after a command is its exit code; lines
// with `> ` are those of a here-document. A page makes the files that it uses. The
// `ts` blocks of a page are one program; what stands after `console.log(…); //`
// is its output.

import { execFile } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { realisticDotenv } from '../src/testing/realistic-dotenv.ts';

const root = resolve(import.meta.dirname, '..');
const base = mkdtempSync(join(tmpdir(), 'strongroom-readme-'));
let fresh = 0;
/** A page starts dozens of processes; beside other tests each takes a while. */
const PAGE_MS = 300_000;

afterAll(() => rmSync(base, { recursive: true, force: true }));

interface Command {
  readonly text: string;
  readonly exitCode: number;
  readonly expected: readonly string[];
}

const documents = [
  'README.md',
  'SECURITY.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];
const pages = documents.filter((name) => name === 'README.md' || name.startsWith('docs/guide/'));

describe('the documentation', () => {
  it.each(documents)('%s has links that lead somewhere', (name) => {
    const links = [...read(name).matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)];
    const broken = links
      .map(([, target = '']) => target)
      .filter((target) => !existsSync(resolve(root, dirname(name), target)));
    expect(broken).toEqual([]);
  });

  it('has commands and programs to try', () => {
    expect(pages.flatMap((name) => sessionsOf(read(name)).flat()).length).toBeGreaterThan(20);
    expect(pages.filter((name) => programOf(read(name)) !== '').length).toBeGreaterThan(1);
  });

  const sessions = pages.filter((name) => sessionsOf(read(name)).length > 0);
  it.concurrent.each(sessions)(
    '%s shows commands and what they print',
    async (name) => {
      for (const session of sessionsOf(read(name))) expect(await faultsOf(session)).toEqual([]);
    },
    PAGE_MS,
  );

  const programs = pages.filter((name) => programOf(read(name)) !== '');
  it.concurrent.each(programs)(
    '%s has a program that compiles and runs',
    async (name) => {
      await expectProgram(programOf(read(name)));
    },
    PAGE_MS,
  );
});

describe('the trial itself', () => {
  it('tells wrong output, missing output and a wrong exit code', async () => {
    const page = ['```console', '$ echo a; echo b', 'a', 'b', '$ echo a', 'b', '$ echo a; echo b'];
    const rest = [
      'a',
      '$ false',
      '$ (exit 5)  # exits with 5',
      '$ seq 4',
      '…',
      '3',
      '4',
      '```',
      '',
    ];
    const faults = await faultsOf(sessionsOf([...page, ...rest].join('\n')).flat());
    expect(faults.map((fault) => fault.split('\n')[0])).toEqual([
      'echo a: other output',
      'echo a; echo b: other output',
      'false: exit code 1, not 0',
    ]);
  });

  it('tells a program that does not compile', async () => {
    const program = "import { open } from 'strongroom';\nconst vault: string = await open({});\n";
    await expect(expectProgram(program)).rejects.toThrow(/TS2345|TS2741|TS2322/);
  });

  it('tells a program that prints something else', async () => {
    await expect(expectProgram('console.log(1 + 1); // 3\n')).rejects.toThrow(/to deeply equal/);
  });
});

function read(name: string): string {
  return readFileSync(join(root, name), 'utf8');
}

/** The sessions of a page, each as its commands. */
function sessionsOf(markdown: string): Command[][] {
  const sessions: Command[][] = [];
  for (const [, info = '', content = ''] of markdown.matchAll(
    /^```console(.*)\n([\s\S]*?)^```/gm,
  )) {
    if (sessions.length === 0 || info.trim() === 'fresh') sessions.push([]);
    sessions.at(-1)?.push(...commandsOf(content));
  }
  return sessions;
}

function commandsOf(block: string): Command[] {
  const commands: { text: string; exitCode: number; expected: string[] }[] = [];
  for (const line of block.split('\n')) {
    if (line.startsWith('$ ')) {
      const exitCode = Number(/# exits with (\d+)$/.exec(line)?.[1] ?? 0);
      commands.push({ text: line.slice(2), exitCode, expected: [] });
    } else if (line.startsWith('> ') && isOpen(commands.at(-1))) {
      const command = commands.at(-1);
      if (command !== undefined) command.text += `\n${line.slice(2)}`;
    } else if (line.trim() !== '') commands.at(-1)?.expected.push(line.trimEnd());
  }
  return commands;
}

/** Whether a command waits for more lines of a here-document, which end with `END`. */
function isOpen(command: Pick<Command, 'text' | 'expected'> | undefined): boolean {
  if (command === undefined || command.expected.length > 0) return false;
  return (
    command.text.split('\n')[0]?.endsWith("<<'END'") === true && !command.text.endsWith('\nEND')
  );
}

function programOf(markdown: string): string {
  const blocks = [...markdown.matchAll(/^```ts\n([\s\S]*?)^```/gm)];
  return blocks.map(([, content = '']) => content).join('\n');
}

/** A project as people have one, and a home that is nobody's. */
function freshProject(): { readonly project: string; readonly env: NodeJS.ProcessEnv } {
  fresh += 1;
  const directory = join(base, String(fresh));
  const [project, home, bin] = ['my-app', 'home', 'bin'].map((name) => join(directory, name));
  if (project === undefined || home === undefined || bin === undefined) throw new TypeError();
  for (const each of [project, home, bin, join(project, '.git')]) {
    mkdirSync(each, { recursive: true });
  }
  writeFileSync(join(project, '.env'), realisticDotenv());
  // Programs of the pages have the package, as if it were installed above the project.
  mkdirSync(join(directory, 'node_modules'));
  symlinkSync(root, join(directory, 'node_modules', 'strongroom'));
  writeFileSync(join(directory, 'package.json'), '{"private":true}');
  const program = join(bin, 'strongroom');
  const cli = join(root, 'bin', 'strongroom.js');
  writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" "${cli}" "$@"\n`);
  chmodSync(program, 0o755);
  const env = {
    PATH: `${bin}:${dirname(process.execPath)}:${process.env['PATH']}`,
    HOME: home,
    XDG_CONFIG_HOME: join(home, '.config'),
    STRONGROOM_PRINCIPAL: 'ada',
    NO_COLOR: '1',
  };
  return { project, env };
}

const MARK = '\u001E';

/** Runs the commands in one shell, and says which of them did not do what stands there. */
async function faultsOf(commands: readonly Command[]): Promise<string[]> {
  const { project, env } = freshProject();
  const first = commands[0]?.text ?? '';
  const own = commands.find(({ text }) => /\bstrongroom\b/.test(text))?.text ?? '';
  const script = [
    'exec 2>&1',
    `cd "${first === 'cd my-app' ? dirname(project) : project}"`,
    /\bstrongroom (?:\S+ )*init\b/.test(own) ? '' : 'strongroom init --yes >/dev/null 2>&1',
    ...commands.map(({ text }) => `{ ${text}\n} </dev/null; printf '\\n${MARK}%d\\n' $?`),
  ];
  const { stdout } = await execute('bash', ['-c', script.join('\n')], { cwd: project, env });
  const outputs = stdout.split(MARK);
  return commands.flatMap((command, at) => {
    const output = (outputs[at] ?? '').replace(/^\d+\n/, '');
    const code = Number(outputs[at + 1]?.split('\n')[0] ?? -1);
    if (code !== command.exitCode) {
      return [`${command.text}: exit code ${code}, not ${command.exitCode}\n${output}`];
    }
    return isOutput(output, command.expected) ? [] : [`${command.text}: other output\n${output}`];
  });
}

/** Whether an output is what stands on the page, blank lines and the width of columns aside. */
function isOutput(output: string, expected: readonly string[]): boolean {
  if (expected.length === 0) return true;
  const lines = output.split('\n').map((line) => evened(line.trimEnd()));
  const pattern = expected.map((line) =>
    line === '…' ? '(?:.*\\n)*' : `${asPattern(evened(line))}\\n`,
  );
  const found = lines.filter((line) => line !== '').map((line) => `${line}\n`);
  return new RegExp(`^${pattern.join('')}$`).test(found.join(''));
}

function evened(line: string): string {
  return line.replaceAll(/ {2,}/g, '  ');
}

function asPattern(line: string): string {
  return line
    .split('…')
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
}

/** Compiles a page's program with the strict flags, runs it, and compares what it prints. */
async function expectProgram(source: string): Promise<void> {
  const { project, env } = freshProject();
  const door = relative(project, join(root, 'src', 'index.ts'));
  writeFileSync(join(project, 'page.ts'), source.replaceAll("from 'strongroom'", `from '${door}'`));
  writeFileSync(join(project, 'package.json'), '{"type":"module"}');
  const options = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      noUnusedLocals: false,
      declaration: false,
      isolatedDeclarations: false,
      typeRoots: [join(root, 'node_modules', '@types')],
    },
    include: ['page.ts'],
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(options));
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const compiled = await execute(process.execPath, [compiler, '-p', project], {
    cwd: project,
    env,
  });
  expect(compiled.stdout).toBe('');
  const ran = await execute(process.execPath, ['page.ts'], { cwd: project, env });
  expect(ran).toMatchObject({ code: 0 });
  const printed = [...source.matchAll(/^\s*console\.log\(.*\); \/\/ (.+)$/gm)].map(([, it]) => it);
  const lines = ran.stdout.split('\n');
  expect(printed.filter((line) => lines.includes(line ?? ''))).toEqual(printed);
}

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function execute(
  program: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<Ended> {
  return new Promise((done) => {
    execFile(program, args, { ...options, encoding: 'utf8' }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      done({ code, stdout, stderr });
    }).stdin?.end();
  });
}
