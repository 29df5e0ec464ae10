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
  /^NODE_(OPTIONS|PATH|COMPILE_CACHE|ICU_DATA|REDIRECT_WARNINGS|V8_COVERAGE)$/,
  /^(NODE_REPL_(EXTERNAL_MODULE|HISTORY)|ELECTRON_RUN_AS_NODE)$/,
  /^TS_NODE_(COMPILER(_OPTIONS)?|CWD|DIR|PROJECT|REQUIRE|SCOPE_DIR|TRANSPILER)$/,
  /^YARN_(RC_FILENAME|YARN_PATH|PLUGINS)$/,
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
  /(^|_)(PAGER|EDITOR|ASKPASS)$/,
  /^(VISUAL|MANPAGER|LESSOPEN|LESSCLOSE|VIMINIT|EXINIT|PSQLRC|RSYNC_RSH|TAR_OPTIONS)$/,
  /^(MAKEFLAGS|MAKEFILES|GNUMAKEFLAGS|GOFLAGS|GOENV|GOROOT|GOTOOLCHAIN)$/,
  /^(RUSTC|RUSTDOC|RUSTFLAGS|RUSTC(_WORKSPACE)?_WRAPPER|RUSTUP_(HOME|TOOLCHAIN)|CARGO_HOME)$/,
  /^CARGO_(BUILD_(RUSTC|RUSTDOC|RUSTFLAGS).*|TARGET_.*_(LINKER|RUNNER|RUSTFLAGS))$/,
  // Plugins of programs that merely draw, or speak to a database.
  /^(GTK_(MODULES|PATH|EXE_PREFIX)|GIO_(EXTRA_MODULES|MODULE_DIR)|GDK_PIXBUF_MODULE_FILE)$/,
  /^(QT_PLUGIN_PATH|QT_QPA_PLATFORM_PLUGIN_PATH|QML2?_IMPORT_PATH|ODBCSYSINI|ODBCINSTINI|ODBCINI)$/,
  // Where programs look for configuration that names programs to start or code to load.
  /^(HOME|USERPROFILE|APPDATA|LOCALAPPDATA|XDG_(CONFIG|DATA)_(HOME|DIRS))$/,
  /^(AWS_(CONFIG|SHARED_CREDENTIALS)_FILE|KUBECONFIG|DOCKER_CONFIG|CLOUDSDK_(CONFIG|PYTHON))$/,
  /^(GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES|TF_CLI_CONFIG_FILE|ANSIBLE_CONFIG)$/,
  /^(PIP_CONFIG_FILE|KRB5_CONFIG|CURL_HOME|WGETRC)$/,
  // Whom programs trust, and what they give away of what they say to others.
  /^(NODE_(EXTRA_CA_CERTS|TLS_REJECT_UNAUTHORIZED)|SSL_CERT_(FILE|DIR)|SSLKEYLOGFILE)$/,
  /^(CURL_CA_BUNDLE|REQUESTS_CA_BUNDLE|AWS_CA_BUNDLE|PIP_(CERT|TRUSTED_HOST))$/,
];

/** Of git's many, what says who made a change; and facts and secrets of builds, which git does not read. */
const HARMLESS_OF_GIT: readonly RegExp[] = [
  /^GIT_(AUTHOR|COMMITTER)_(NAME|EMAIL|DATE)$/,
  /^GIT_((COMMIT|SHORT)_)?(SHA1?|HASH|REF|REV|REVISION|VERSION|DESCRIBE)$/,
  /^GIT_(COMMIT|BRANCH|TAG|(REPO(SITORY)?_)?(URL|NAME|OWNER)|REPO|REPOSITORY|ORG)$/,
  /^GIT_(USER|USERNAME|USER_NAME|EMAIL|USER_EMAIL)$/,
  /^GIT_([A-Z0-9]+_)*(TOKEN|PASSWORD|SECRET|API_KEY|DEPLOY_KEY)$/,
];

/** Names that mean something to shells or `make` alone, which tell cases apart: `env` is an ordinary name. */
const IN_THIS_CASE: ReadonlySet<string> = new Set('ENV IFS _ CC CXX CPP LD AR AS'.split(' '));

/**
 * Tells whether a variable changes how programs run that merely inherit it, such as
 * `PATH`, `LD_PRELOAD` or `NODE_OPTIONS`. Settings that an application reads for itself
 * (`NODE_ENV`, `DEBUG`, `TZ`, `HTTP_PROXY`) are not meant, nor are credentials.
 */
export function changesHowProgramsRun(name: string): boolean {
  const upper = name.toUpperCase();
  if (IN_THIS_CASE.has(name) || IN_ANY_CASE.some((pattern) => pattern.test(upper))) return true;
  return upper.startsWith('GIT_') && !HARMLESS_OF_GIT.some((pattern) => pattern.test(upper));
}
