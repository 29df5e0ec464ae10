/**
 * Variables that make other programs load code, start another program, read another
 * configuration or drop a check. Compared in any case, since Windows does not tell
 * cases apart and zsh ties `path` to `PATH`.
 */
const IN_ANY_CASE: readonly RegExp[] = [
  // The dynamic loader and the C library. LaunchDarkly's names begin with LD_ too.
  /^LD_(?!(SDK|API|MOBILE|PROJECT|ENVIRONMENT)_KEY$|CLIENT(_SIDE)?_ID$|ACCESS_TOKEN$)/,
  /^(DYLD|LDR)_/,
  /^(LIBPATH|SHLIB_PATH|GCONV_PATH|GLIBC_TUNABLES|LOCPATH|NLSPATH|MALLOC_TRACE|HOSTALIASES)$/,
  /^OPENSSL_(CONF|MODULES|ENGINES)$/,
  // Where programs are found, and the shells.
  /^(PATH|PATHEXT|CDPATH|FPATH|MODULE_PATH|COMSPEC|SYSTEMROOT|PSMODULEPATH|SHELL|ZDOTDIR)$/,
  /^(BASH_ENV|BASH_LOADABLES_PATH|BASHOPTS|SHELLOPTS|PROMPT_COMMAND|GLOBIGNORE|PS[0-4])$/,
  // Language runtimes.
  /^(NODE_(OPTIONS|PATH|REPL_EXTERNAL_MODULE|TLS_REJECT_UNAUTHORIZED)|ELECTRON_RUN_AS_NODE)$/,
  /^(NPM_CONFIG_|BUN_OPTIONS$|BUN_INSPECT_PRELOAD$)/,
  /^PYTHON(?!UNBUFFERED$|DONTWRITEBYTECODE$|IOENCODING$|UTF8$|HASHSEED$|FAULTHANDLER$|_)/,
  /^PYTHON_PRESITE$/,
  /^(PERL5|PERLLIB$|PERLDB_OPTS$)/,
  /^(RUBYOPT|RUBYLIB|RUBYPATH|RUBYSHELL|GEM_HOME|GEM_PATH|BUNDLE_GEMFILE)$/,
  /^(PHPRC|PHP_INI_SCAN_DIR)$/,
  /^(LUA_INIT|LUA_PATH|LUA_CPATH)(_|$)/,
  /^(ERL_(A|Z)?FLAGS|ERL_LIBS|ELIXIR_ERL_OPTIONS)$/,
  /^R_(PROFILE|ENVIRON)(_USER)?$/,
  /^(CLASSPATH|_JAVA_OPTIONS|(JAVA_TOOL|JDK_JAVA|IBM_JAVA|OPENJ9_JAVA)_OPTIONS)$/,
  /^(JAVA|CATALINA|MAVEN|GRADLE|SBT)_OPTS$/,
  /^(DOTNET_(STARTUP_HOOKS|ADDITIONAL_DEPS|SHARED_STORE)|CORECLR_|COR_(ENABLE_)?PROFIL)/,
  // Programs that start other programs.
  /^GIT_(ASKPASS|CONFIG.*|DIR|EDITOR|EXEC_PATH|EXTERNAL_DIFF|PAGER|PROXY_COMMAND)$/,
  /^GIT_(SEQUENCE_EDITOR|SSH|SSH_COMMAND|SSH_VARIANT|TEMPLATE_DIR)$/,
  /^(EDITOR|VISUAL|PAGER|MANPAGER|LESSOPEN|LESSCLOSE|VIMINIT|EXINIT|PSQLRC|PSQL_(PAGER|EDITOR))$/,
  /^(SSH_ASKPASS|SUDO_ASKPASS|SUDO_EDITOR|RSYNC_RSH|TAR_OPTIONS)$/,
  /^(MAKEFLAGS|MAKEFILES|GNUMAKEFLAGS|GOFLAGS|RUSTC(_WORKSPACE)?_WRAPPER)$/,
];

/** Names that mean something to shells alone, which tell cases apart: `env` is an ordinary name. */
const IN_THIS_CASE: ReadonlySet<string> = new Set(['ENV', 'IFS', '_']);

/**
 * Tells whether a variable changes how programs run that merely inherit it, such as
 * `PATH`, `LD_PRELOAD` or `NODE_OPTIONS`. Settings that an application reads for itself
 * (`NODE_ENV`, `DEBUG`, `HOME`, `TZ`, `HTTP_PROXY`) are not meant.
 */
export function changesHowProgramsRun(name: string): boolean {
  const upper = name.toUpperCase();
  return IN_THIS_CASE.has(name) || IN_ANY_CASE.some((pattern) => pattern.test(upper));
}
