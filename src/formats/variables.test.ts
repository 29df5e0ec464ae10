import { describe, expect, it } from 'vitest';
import { StrongroomError } from '../errors.ts';
import { changesHowProgramsRun } from './unsafe-names.ts';
import { toVariables, type ExportedSecret, type VariableOptions } from './variables.ts';

const secret = (path: string, value = 'hunter2'): ExportedSecret => ({ path, kind: 'text', value });

const nameOf = (path: string, options?: VariableOptions): string | undefined =>
  toVariables([secret(path)], options)[0]?.name;

function refusal(secrets: readonly ExportedSecret[], options?: VariableOptions): StrongroomError {
  try {
    toVariables(secrets, options);
  } catch (error) {
    if (error instanceof StrongroomError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('the name of a variable', () => {
  it.each([
    ['DATABASE_URL', 'DATABASE_URL'],
    ['db/main/password', 'password'],
    ['stripe-key', 'stripe_key'],
    ['a.b c', 'a_b_c'],
    ['größe👋', 'gr__e_'],
    ['2fa/2nd-code', '_2nd_code'],
  ])('of %j is %j', (path, name) => {
    expect(nameOf(path)).toBe(name);
  });

  it('of a field has the field behind it', () => {
    const value = new Map([
      ['user', 'app'],
      ['pass-word', 'x'],
    ]);
    expect(toVariables([{ path: 'db/MAIN', kind: 'fields', value }])).toEqual([
      { name: 'MAIN_user', value: 'app', path: 'db/MAIN', field: 'user' },
      { name: 'MAIN_pass_word', value: 'x', path: 'db/MAIN', field: 'pass-word' },
    ]);
  });

  it('has the prefix in front', () => {
    expect(nameOf('db/password', { prefix: 'APP_' })).toBe('APP_password');
    expect(nameOf('2fa', { prefix: 'x-' })).toBe('x_2fa');
  });

  it('is the one of the imported file, where there is one', () => {
    const names = new Map([['mail/host', 'mail.host']]);
    expect(nameOf('mail/host', { names, prefix: 'APP_' })).toBe('mail.host');
  });

  it('that two secrets give is refused with both paths', () => {
    const error = refusal([secret('db/a-b'), secret('web/a_b')]);
    expect(error.code).toBe('name_conflict');
    expect(error.details).toEqual({ name: 'a_b', paths: ['db/a-b', 'web/a_b'] });
    expect(error.message).toBe('db/a-b and web/a_b would both become the variable a_b');
    const fields: ExportedSecret = { path: 'db', kind: 'fields', value: new Map([['user', 'x']]) };
    expect(refusal([secret('db_user'), fields]).details).toMatchObject({
      paths: ['db_user', 'db (field user)'],
    });
  });
});

describe('a value that no variable can hold', () => {
  it('is refused with its path if it is bytes', () => {
    const bytes = new Uint8Array([1]);
    expect(refusal([{ path: 'tls/key', kind: 'bytes', value: bytes }])).toMatchObject({
      code: 'binary_value',
      details: { path: 'tls/key' },
    });
    const value = new Map<string, string | Uint8Array>([['p12', bytes]]);
    const error = refusal([{ path: 'tls', kind: 'fields', value }]);
    expect(error.code).toBe('binary_value');
    expect(error.message).toContain('tls (field p12)');
  });

  it('is refused with its name if it holds NUL, allowed or not', () => {
    const error = refusal([secret('a/b', 'hunter2\0')], { allowEnv: ['b'] });
    expect(error.code).toBe('unsafe_variable_name');
    expect(error.details).toEqual({ name: 'b', path: 'a/b' });
    expect(`${error.message}${error.hint}`).not.toContain('hunter2');
  });
});

describe('a name that changes how programs run', () => {
  it('is refused with a hint that shows the flag', () => {
    const error = refusal([secret('PATH'), secret('PORT'), secret('app/NODE_OPTIONS')]);
    expect(error.code).toBe('unsafe_variable_name');
    expect(error.details).toEqual({
      names: ['PATH', 'NODE_OPTIONS'],
      paths: ['PATH', 'app/NODE_OPTIONS'],
    });
    expect(error.message).toBe(
      'PATH, NODE_OPTIONS change how programs run and must be allowed by name',
    );
    expect(error.hint).toBe('if that is meant: --allow-env PATH --allow-env NODE_OPTIONS');
  });

  it('is given if it is allowed by its exact name', () => {
    expect(nameOf('PATH', { allowEnv: ['PATH'] })).toBe('PATH');
    expect(refusal([secret('PATH')], { allowEnv: ['path', 'PORT'] }).code).toBe(
      'unsafe_variable_name',
    );
    expect(refusal([secret('PATH')], { allowEnv: [] }).code).toBe('unsafe_variable_name');
  });

  it('is found behind a prefix, a field and an odd character', () => {
    expect(refusal([secret('PRELOAD')], { prefix: 'LD_' }).details['names']).toEqual([
      'LD_PRELOAD',
    ]);
    expect(refusal([secret('LD-PRELOAD')]).details['names']).toEqual(['LD_PRELOAD']);
    const value = new Map([['OPTIONS', 'x']]);
    expect(refusal([{ path: 'NODE', kind: 'fields', value }]).details['names']).toEqual([
      'NODE_OPTIONS',
    ]);
    const names = new Map([['x', 'BASH_ENV']]);
    expect(refusal([secret('x')], { names }).code).toBe('unsafe_variable_name');
  });

  it.each([
    'PATH',
    'Path',
    'path',
    'NODE_OPTIONS',
    'node_options',
    'NODE_PATH',
    'LD_PRELOAD',
    'LD_LIBRARY_PATH',
    'DYLD_INSERT_LIBRARIES',
    'PYTHONPATH',
    'PYTHONSTARTUP',
    'PYTHONWARNINGS',
    'PERL5OPT',
    'PERL5LIB',
    'RUBYOPT',
    'BASH_ENV',
    'ENV',
    'IFS',
    'SHELLOPTS',
    'PS4',
    'PROMPT_COMMAND',
    'JAVA_TOOL_OPTIONS',
    'GIT_SSH_COMMAND',
    'GIT_CONFIG_COUNT',
    'GIT_EXEC_PATH',
    'EDITOR',
    'PAGER',
    'npm_config_script_shell',
    'NODE_TLS_REJECT_UNAUTHORIZED',
    'DOTNET_STARTUP_HOOKS',
    'SHELL',
    'COMSPEC',
    'GCONV_PATH',
    '_',
    'GIT_SSL_NO_VERIFY',
    'GIT_SSL_CAINFO',
    'GIT_WORK_TREE',
    'GIT_TRACE',
    'GIT_ALTERNATE_OBJECT_DIRECTORIES',
    'GIT_CONFIG_KEY_0',
    'GIT_ANYTHING_THAT_COMES',
    'git_dir',
    'GH_PAGER',
    'AWS_PAGER',
    'KUBE_EDITOR',
    'SSH_ASKPASS',
    'NODE_COMPILE_CACHE',
    'NODE_EXTRA_CA_CERTS',
    'NODE_V8_COVERAGE',
    'NODE_REDIRECT_WARNINGS',
    'KRB5_CONFIG',
    'ODBCSYSINI',
    'GTK_MODULES',
    'QT_PLUGIN_PATH',
    'TS_NODE_COMPILER',
    'YARN_RC_FILENAME',
    'PIP_CONFIG_FILE',
    'CARGO_HOME',
    'CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER',
    'RUSTC',
    'CC',
    'CXX',
    'LD',
    'AWS_CONFIG_FILE',
    'KUBECONFIG',
    'DOCKER_CONFIG',
    'SSLKEYLOGFILE',
    'SSL_CERT_FILE',
    'XDG_CONFIG_HOME',
    'HOME',
  ])('is one such as %s', (name) => {
    expect(changesHowProgramsRun(name)).toBe(true);
  });

  it.each([
    'NODE_ENV',
    'DEBUG',
    'PORT',
    'USER',
    'TZ',
    'LANG',
    'HTTP_PROXY',
    'env',
    'TMPDIR',
    'CI',
    'BROWSER',
    'PYTHONUNBUFFERED',
    'PYTHONDONTWRITEBYTECODE',
    'PYTHON_VERSION',
    'LD_SDK_KEY',
    'GIT_SHA',
    'GIT_TOKEN',
    'NPM_TOKEN',
    'PATH_PREFIX',
    'APP_PATH',
    'MY_NODE_OPTIONS',
    'PS5',
    'ENVIRONMENT',
    'GIT_AUTHOR_NAME',
    'PWD',
    'GIT_COMMITTER_EMAIL',
    'GIT_COMMIT',
    'GIT_COMMIT_SHA',
    'GIT_BRANCH',
    'GIT_TAG',
    'GIT_REPO_URL',
    'GIT_PASSWORD',
    'GIT_WEBHOOK_SECRET',
    'GITHUB_TOKEN',
    'GITLAB_URL',
    'cc',
    'HOMEPAGE',
    'HOME_URL',
    'DOCKER_HOST',
    'AWS_ACCESS_KEY_ID',
    'AWS_PROFILE',
    'GOOGLE_APPLICATION_CREDENTIALS',
    'PIP_INDEX_URL',
    'CARGO_REGISTRY_TOKEN',
    'YARN_NPM_AUTH_TOKEN',
    'SSL_CERT',
    'TS_NODE_TRANSPILE_ONLY',
    'EDITOR_API_KEY',
    'PAGERDUTY_TOKEN',
    'KUBE_TOKEN',
  ])('is not one such as %s', (name) => {
    expect(changesHowProgramsRun(name)).toBe(false);
  });
});
