import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { COMMANDS } from '../src/cli/commands/commands.ts';
import { program } from '../src/cli/main.ts';
import { Terminal } from '../src/cli/terminal.ts';
import { pathOf } from '../src/cli/usage.ts';
import { open } from '../src/index.ts';
import { Sandbox } from './sandbox.ts';

/** Far more than any command takes; one that waits for an answer takes for ever. */
const TIME_MAX_MS = 60_000;

let sandbox: Sandbox;

beforeAll(() => {
  sandbox = new Sandbox();
  sandbox.write('.env', 'STRIPE_KEY=not-a-real-key\n');
  expect(sandbox.run('strongroom init --yes').code).toBe(0);
  expect(sandbox.run('strongroom audit key > audit.pub').code).toBe(0);
  expect(sandbox.run('strongroom audit export > log.jsonl').code).toBe(0);
  expect(sandbox.run('strongroom audit proof 1 > proof.json').code).toBe(0);
});

afterAll(() => sandbox[Symbol.dispose]());

describe('without a terminal', () => {
  /** Each command, with what it needs to get as far as it can. */
  const TYPED: Readonly<Record<string, string>> = {
    'strongroom init': 'strongroom init --path elsewhere',
    'strongroom run': 'strongroom run -- true',
    'strongroom import': 'strongroom import .env -e staging',
    'strongroom export': 'strongroom export',
    'strongroom set': 'strongroom set A',
    'strongroom get': 'strongroom get STRIPE_KEY',
    'strongroom list': 'strongroom list',
    'strongroom history': 'strongroom history STRIPE_KEY',
    'strongroom describe': 'strongroom describe STRIPE_KEY',
    'strongroom search': 'strongroom search STRIPE',
    'strongroom expiring': 'strongroom expiring',
    'strongroom statistics': 'strongroom statistics',
    'strongroom update': 'strongroom update STRIPE_KEY --owner nobody',
    'strongroom verify': 'strongroom verify STRIPE_KEY',
    'strongroom delete': 'strongroom delete STRIPE_KEY',
    'strongroom undelete': 'strongroom undelete STRIPE_KEY',
    'strongroom destroy': 'strongroom destroy STRIPE_KEY --all',
    'strongroom trash list': 'strongroom trash list',
    'strongroom trash purge': 'strongroom trash purge',
    'strongroom settings list': 'strongroom settings list',
    'strongroom settings get': 'strongroom settings get complexity',
    'strongroom settings set': 'strongroom settings set complexity strong',
    'strongroom settings reset': 'strongroom settings reset complexity',
    'strongroom rename': 'strongroom rename STRIPE_KEY STRIPE_KEY_2',
    'strongroom move': 'strongroom move STRIPE_KEY_2 staging',
    'strongroom copy': 'strongroom copy STRIPE_KEY_2 development -e staging --as STRIPE_KEY',
    'strongroom promote': 'strongroom promote staging production',
    'strongroom diff': 'strongroom diff staging production',
    'strongroom undo': 'strongroom undo 1',
    'strongroom audit list': 'strongroom audit list',
    'strongroom audit secret': 'strongroom audit secret STRIPE_KEY',
    'strongroom audit export': 'strongroom audit export -o again.jsonl --force',
    'strongroom audit key': 'strongroom audit key',
    'strongroom audit verify': 'strongroom audit verify - --key audit.pub',
    'strongroom audit proof': 'strongroom audit proof 0',
    'strongroom audit verify-proof': 'strongroom audit verify-proof - --key audit.pub',
    'strongroom audit checkpoint': 'strongroom audit checkpoint',
    'strongroom workspace create': 'strongroom workspace create billing',
    'strongroom workspace list': 'strongroom workspace list',
    'strongroom environment create': 'strongroom environment create preview',
    'strongroom environment list': 'strongroom environment list',
    'strongroom inherit add': 'strongroom inherit add testing --from staging',
    'strongroom inherit list': 'strongroom inherit list',
    'strongroom inherit remove': 'strongroom inherit remove testing --from staging',
    'strongroom backup create': 'strongroom backup create --to ../backups-made',
    'strongroom backup list': 'strongroom backup list',
    'strongroom backup verify': 'strongroom backup verify nothing.backup',
    'strongroom backup restore': 'strongroom backup restore nothing.backup --to elsewhere',
    'strongroom backup key': 'strongroom backup key',
    'strongroom backup prune': 'strongroom backup prune',
    'strongroom generate': 'strongroom generate password',
    'strongroom rotate': 'strongroom rotate STRIPE_KEY --generator hex:16',
    'strongroom rollback': 'strongroom rollback STRIPE_KEY',
    'strongroom retire': 'strongroom retire STRIPE_KEY',
    'strongroom due': 'strongroom due',
    'strongroom jobs run': 'strongroom jobs run',
    'strongroom jobs list': 'strongroom jobs list',
    'strongroom user create': 'strongroom user create bea',
    'strongroom user list': 'strongroom user list',
    'strongroom user invite': 'strongroom user invite bea',
    'strongroom user rename': 'strongroom user rename bea beatrice',
    'strongroom user disable': 'strongroom user disable beatrice',
    'strongroom user enable': 'strongroom user enable beatrice',
    'strongroom machine create': 'strongroom machine create ci',
    'strongroom machine list': 'strongroom machine list',
    'strongroom factor list': 'strongroom factor list',
    'strongroom factor add': 'strongroom factor add',
    'strongroom factor codes': 'strongroom factor codes',
    'strongroom factor password': 'strongroom factor password',
    'strongroom factor remove': 'strongroom factor remove nothing',
    'strongroom token create': 'strongroom token create machine:ci',
    'strongroom token list': 'strongroom token list machine:ci',
    'strongroom token revoke': 'strongroom token revoke nothing',
    'strongroom approle create': 'strongroom approle create ci',
    'strongroom approle list': 'strongroom approle list',
    'strongroom approle update': 'strongroom approle update ci --session-ttl 15m',
    'strongroom approle secret-id': 'strongroom approle secret-id ci',
    'strongroom approle secret-ids': 'strongroom approle secret-ids ci',
    'strongroom approle revoke': 'strongroom approle revoke ci nothing',
    'strongroom approle disable': 'strongroom approle disable ci',
    'strongroom approle enable': 'strongroom approle enable ci',
    'strongroom approle remove': 'strongroom approle remove ci',
    'strongroom trust github': 'strongroom trust github nothing',
    'strongroom trust gitlab': 'strongroom trust gitlab nothing',
    'strongroom trust kubernetes': 'strongroom trust kubernetes nothing',
    'strongroom trust jwt': 'strongroom trust jwt nothing',
    'strongroom trust certificate': 'strongroom trust certificate nothing',
    'strongroom trust list': 'strongroom trust list',
    'strongroom trust renew': 'strongroom trust renew nothing',
    'strongroom trust disable': 'strongroom trust disable nothing',
    'strongroom trust enable': 'strongroom trust enable nothing',
    'strongroom trust remove': 'strongroom trust remove nothing',
    'strongroom sso create': 'strongroom sso create nothing',
    'strongroom sso update': 'strongroom sso update nothing',
    'strongroom sso list': 'strongroom sso list',
    'strongroom sso link': 'strongroom sso link nothing',
    'strongroom sso disable': 'strongroom sso disable nothing',
    'strongroom sso enable': 'strongroom sso enable nothing',
    'strongroom sso remove': 'strongroom sso remove nothing',
    'strongroom machine rename': 'strongroom machine rename ci builder',
    'strongroom machine disable': 'strongroom machine disable builder',
    'strongroom machine enable': 'strongroom machine enable builder',
    'strongroom group create': 'strongroom group create team',
    'strongroom group list': 'strongroom group list',
    'strongroom group add': 'strongroom group add team user:beatrice',
    'strongroom group describe': 'strongroom group describe team',
    'strongroom group drop': 'strongroom group drop team user:beatrice',
    'strongroom group rename': 'strongroom group rename team crew',
    'strongroom group remove': 'strongroom group remove crew',
    'strongroom role create': 'strongroom role create payments',
    'strongroom role list': 'strongroom role list',
    'strongroom role assign': 'strongroom role assign payments user:beatrice',
    'strongroom role describe': 'strongroom role describe payments',
    'strongroom role unassign': 'strongroom role unassign payments user:beatrice',
    'strongroom role rename': 'strongroom role rename payments billing',
    'strongroom role remove': 'strongroom role remove billing',
    'strongroom access grant': 'strongroom access grant user:beatrice read default/production/A',
    'strongroom access deny': 'strongroom access deny user:beatrice read default/production/B',
    'strongroom access list': 'strongroom access list',
    'strongroom access revoke': 'strongroom access revoke nothing',
    'strongroom access explain': 'strongroom access explain beatrice read production/A',
    'strongroom access who-can': 'strongroom access who-can read production/A',
    'strongroom access test': 'strongroom access test nothing.json',
    'strongroom access replay': 'strongroom access replay nothing.json',
    'strongroom user remove': 'strongroom user remove beatrice',
    'strongroom machine remove': 'strongroom machine remove builder',
    'strongroom workspace delete': 'strongroom workspace delete billing',
    'strongroom keys status': 'strongroom keys status',
    'strongroom keys rotate': 'strongroom keys rotate',
    'strongroom keys rewrap': 'strongroom keys rewrap',
    'strongroom keys retire': 'strongroom keys retire',
    'strongroom keys slots list': 'strongroom keys slots list',
    'strongroom keys slots add': 'strongroom keys slots add recovery',
    'strongroom keys slots resplit': 'strongroom keys slots resplit 2/3',
    'strongroom keys slots confirm': 'strongroom keys slots confirm',
    'strongroom keys slots remove': 'strongroom keys slots remove nothing',
    'strongroom keys slots test': 'strongroom keys slots test',
    'strongroom keys drill': 'strongroom keys drill',
    'strongroom serve': 'strongroom serve --port none',
    'strongroom seal': 'strongroom seal --address http://127.0.0.1:9',
    'strongroom unseal': 'strongroom unseal --address http://127.0.0.1:9',
    'strongroom login': 'strongroom login http://127.0.0.1:9',
    'strongroom logout': 'strongroom logout',
    'strongroom whoami': 'strongroom whoami',
    'strongroom health': 'strongroom health',
    'strongroom config': 'strongroom config',
    'strongroom completion': 'strongroom completion bash',
    'strongroom __complete': 'strongroom __complete secrets',
  };

  test('the list of commands is whole', () => {
    const leaves = (command: Command): readonly string[] =>
      command.commands.length === 0 ? [pathOf(command)] : command.commands.flatMap(leaves);
    const root = program(new Terminal({ json: false, yes: false }));
    expect(leaves(root).toSorted()).toEqual(Object.keys(TYPED).toSorted());
  });

  test('a command that is asked for is there alone, and is the same as among all', () => {
    const terminal = new Terminal({ json: false, yes: false });
    const all = program(terminal).commands.map((command) => command.name());
    const names = COMMANDS.flatMap(({ commands }) => Object.keys(commands));
    expect([...names, '__complete'].toSorted()).toEqual(all.toSorted());
    for (const name of names) {
      const alone = program(terminal, name);
      const found = alone.commands.map((each) => each.name());
      expect(found).toEqual(name === 'completion' ? all : [name]);
    }
    expect(program(terminal, 'toString').commands).toHaveLength(all.length);
  });

  test.each(Object.values(TYPED))('`%s` never waits', (line) => {
    for (const input of ['< /dev/null', '<&-']) {
      const { status, stderr, stdout } = spawnSync('sh', ['-c', `${line} ${input}`], {
        cwd: sandbox.directory,
        env: sandbox.env,
        encoding: 'utf8',
        timeout: TIME_MAX_MS,
        killSignal: 'SIGKILL',
      });
      expect(status, stdout + stderr).not.toBeNull();
      expect(status, stdout + stderr).not.toBe(70);
    }
  });
});

describe('the offline verifier', () => {
  let directory: string;
  const verify = (more: readonly string[], preload: string): ReturnType<typeof spawnSync> => {
    const hook = join(directory, 'hook.mjs');
    writeFileSync(hook, preload);
    const main = pathToFileURL(join(import.meta.dirname, '..', 'src', 'cli', 'main.ts')).href;
    const start = `const { main } = await import('${main}'); await main(process.argv.slice(1));`;
    const node = ['--import', hook, '--input-type=module', '-e', start, '--', ...more];
    return spawnSync(process.execPath, node, {
      cwd: sandbox.directory,
      env: { ...sandbox.env, STRONGROOM_PATH: '/nonexistent' },
      encoding: 'utf8',
    });
  };
  const LOADED = `
    import { appendFileSync } from 'node:fs';
    import { registerHooks } from 'node:module';
    registerHooks({ resolve(specifier, context, next) {
      const found = next(specifier, context);
      appendFileSync(new URL('loaded', import.meta.url), found.url + '\\n');
      return found;
    } });`;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'strongroom-verify-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test.each([
    ['audit verify', ['audit', 'verify', 'log.jsonl', '--key', 'audit.pub'], 'verify-export'],
    [
      'audit verify-proof',
      ['audit', 'verify-proof', 'proof.json', '--key', 'audit.pub'],
      'verify-proof',
    ],
    ['--help', ['--help'], 'commander'],
    ['completion', ['completion', 'bash'], 'completion/bash'],
  ])('%s loads neither database, schemas nor prompts', (_name, args, own) => {
    rmSync(join(directory, 'loaded'), { force: true });
    const { status, stderr } = verify(args, LOADED);
    expect(status, String(stderr)).toBe(0);
    const loaded = readFileSync(join(directory, 'loaded'), 'utf8');
    expect(loaded).toContain(own);
    expect(loaded).not.toMatch(/kysely|\/zod\/|node:sqlite|@clack|open-vault/);
  });

  test('a crash is 70, and its message stays inside (A89)', () => {
    const crash = "setImmediate(() => { throw new Error('not-a-real-secret'); });";
    const late = `import fs from 'node:fs'; import { syncBuiltinESMExports } from 'node:module';
      const real = fs.createReadStream;
      fs.createReadStream = (...all) => { ${crash} return real(...all); }; syncBuiltinESMExports();`;
    const args = ['audit', 'verify', 'log.jsonl', '--key', 'audit.pub'];
    const { status, stderr } = verify(args, late);
    expect(status).toBe(70);
    expect(stderr).toContain('strongroom: an unforeseen Error');
    expect(stderr).not.toContain('not-a-real-secret');
  });

  test('an end without a verdict is 70 (A89)', () => {
    const silent = `import fs from 'node:fs'; import { syncBuiltinESMExports } from 'node:module';
      import { Readable } from 'node:stream';
      fs.createReadStream = () => new Readable({ read() {} }); syncBuiltinESMExports();`;
    const args = ['audit', 'verify', 'log.jsonl', '--key', 'audit.pub'];
    expect(verify(args, silent).status).toBe(70);
  });
});

describe('a long export', () => {
  beforeAll(async () => {
    await using vault = await open({
      path: join(sandbox.directory, '.strongroom'),
      configDirectory: join(sandbox.home, '.config'),
    });
    const session = vault.as({ principal: 'ada' });
    const reads = Array.from({ length: 9000 }, () =>
      session.secrets.describe({ environment: 'development', path: 'STRIPE_KEY' }),
    );
    await Promise.allSettled(reads);
  });

  test('comes whole through a pipe whose reader is slow', () => {
    const slow = `strongroom audit export | (sleep 1; cat) > slow.jsonl`;
    expect(sandbox.run(slow)).toEqual({ stdout: '', stderr: '', code: 0 });
    const { code, stdout } = sandbox.run(
      'strongroom audit verify slow.jsonl --key audit.pub --json',
    );
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as { shown: number }).shown).toBeGreaterThan(9000);
  });

  test('ends without complaint when its reader has seen enough', () => {
    const line = '(strongroom audit export; echo "$?" >&2) | head -c 10';
    expect(sandbox.run(line)).toEqual({ stdout: '{"kind":"s', stderr: '0\n', code: 0 });
  });

  test('is listed page by page', () => {
    const { stdout } = sandbox.run(
      'strongroom audit list --action secrets.describe --limit 2500 --json',
    );
    const { entries, hasMore } = JSON.parse(stdout) as {
      entries: { seq: number }[];
      hasMore: boolean;
    };
    expect(new Set(entries.map(({ seq }) => seq)).size).toBe(2500);
    expect(hasMore).toBe(true);
  });
});
