import type { IncomingMessage } from 'node:http';
import type { SecureContextOptions } from 'node:tls';

import { clientAddress, trustedProxies } from '../core/client-address.ts';
import type { OpenVaultOptions } from '../core/open-vault.ts';
import type { RateLimitOptions } from '../core/rate-limits.ts';
import { readMetrics, type VaultMetrics } from '../core/operations/read-metrics.ts';
import { listEnvironments, listWorkspaces } from '../core/operations/workspaces.ts';
import { asStrongroomError } from '../core/unforeseen.ts';
import type { Seals } from '../core/seals.ts';
import type { UnsealedVault } from '../core/vault.ts';
import { SERVER_HOLDER } from '../core/server-holder.ts';
import { StrongroomError } from '../errors.ts';
import { LOOPBACK, type Networks } from '../lib/ip-networks.ts';
import type { SlotKey } from '../seal/slot.ts';
import { healthPages } from './health-pages.ts';
import { HttpFace } from './http-face.ts';
import { listen, type Listening } from './listen.ts';
import { metricsPage } from './metrics/metrics-page.ts';
import { ServerMetrics } from './metrics/server-metrics.ts';
import { connectionsMax } from './open-files.ts';
import { openApiPage } from './openapi-page.ts';
import type { Pages } from './page.ts';
import { LostEvents } from './lost-events.ts';
import { SealLog } from './seal-log.ts';
import { sealPages } from './seal-pages.ts';
import { shownAddress } from './shown-address.ts';
import { ssoPages } from './sso-pages.ts';
import { SecurityEvents, securityEvent } from './security-events.ts';
import type { ServerLog } from './server-log.ts';
import { readTlsFiles, watchTlsFiles, type TlsFiles } from './tls-files.ts';
import { loadTraces, type Traces } from './traces.ts';
import { VaultHolder } from './vault-holder.ts';

/** Options of {@link serve}. */
export interface ServeOptions extends Pick<
  OpenVaultOptions,
  'acceptRollback' | 'configDirectory' | 'now'
> {
  /** The vault's directory. */
  readonly directory: string;
  /** Makes the vault where there is none: once nothing stands in the server's way any more. */
  readonly prepare?: (() => Promise<void>) | undefined;
  /** What opens the vault. Default: its key file. */
  readonly keys?: readonly SlotKey[] | undefined;
  /** Default `127.0.0.1`. */
  readonly host?: string | undefined;
  /** 0: any that is free. Default 8200. */
  readonly port?: number | undefined;
  /** Certificate and key, read again when they change. */
  readonly tls?: TlsFiles | undefined;
  /** The oldest version of TLS that is spoken. Default `TLSv1.3`. */
  readonly tlsMin?: 'TLSv1.2' | 'TLSv1.3' | undefined;
  /** Asks clients for a certificate, by which machines can sign in. Browsers ask their user then. Default no. */
  readonly clientCertificates?: boolean | undefined;
  /** Lets everybody on the way read what is sent: without TLS, beyond this machine. Default no. */
  readonly insecureHttp?: boolean | undefined;
  /** What is meant where a request names no environment. Default `development`. */
  readonly environment?: string | undefined;
  /** Networks of proxies whose `X-Forwarded-For` is believed. Default: none. */
  readonly trustedProxies?: readonly string[] | undefined;
  readonly rateLimits?: RateLimitOptions | undefined;
  /** Most connections at a time. Default 12,000, or fewer where the process may open few files. */
  readonly connectionsMax?: number | undefined;
  /** Whether anyone may read `/metrics`. Default: who may read `sys/metrics`. */
  readonly metricsOpen?: boolean | undefined;
  /** Where security events go besides the audit log: files, `syslog://`, `https://`. Default: nowhere. */
  readonly securityEvents?: readonly string[] | undefined;
  /** What the server calls its version in the description of its addresses. Default `0.0.0`. */
  readonly version?: string | undefined;
  /** Pages besides the server's own. */
  readonly pages?: Pages | undefined;
  readonly log: ServerLog;
}

/** A server that takes requests. */
export interface Server {
  /** Such as `http://127.0.0.1:8200`. */
  readonly address: string;
  readonly port: number;
  /** The vault, unless it is sealed. */
  readonly vault: UnsealedVault | undefined;
  /** What would open the vault while it is sealed. */
  seals(): Promise<Seals>;
  /** Takes no more requests, finishes those under way (10 seconds at most), signs the log, and lets go of the vault. */
  close(): Promise<void>;
}

const HOST = '127.0.0.1';
const PORT = 8200;
const CLOSING_MS = 10_000;
/** How often a vault that cannot write its record is tried, so that it recovers without a request. */
const PROBE_MS = 2000;

/**
 * Serves a vault over HTTP. If no slot opens by itself, it is served sealed,
 * and waits for somebody who brings a key.
 *
 * @throws {@link StrongroomError} `usage` for plain HTTP beyond this machine; `address_in_use`; what
 * opening a vault fails with, but for `key_not_found`; the codes of certificate and key;
 * `environment_not_found` for one that no workspace has, unless the vault is sealed.
 */
export async function serve(options: ServeOptions): Promise<Server> {
  const { host = HOST, port = PORT, tls: files } = options;
  requireSafe(host, options);
  const tls = files === undefined ? undefined : readTlsFiles(files);
  const running = new RunningServer(options, await tracesOf(options));
  try {
    const server = await running.listen({ host, port, tls });
    await options.prepare?.();
    await running.open();
    if (server.vault !== undefined) await requireDefaultEnvironment(server.vault, options);
    return server;
  } catch (error) {
    await running.close();
    throw error;
  }
}

/** The parts of a server, put together. */
class RunningServer {
  readonly #options: ServeOptions;
  readonly #holder: VaultHolder;
  readonly #metrics: ServerMetrics;
  readonly #face: HttpFace;
  readonly #events: readonly SecurityEvents[];
  readonly #lost: LostEvents;
  readonly #seals: SealLog;
  readonly #proxies: Networks;
  #listening: Listening | undefined;
  #stopWatching: () => void = () => undefined;
  #probe: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;
  #numbers: VaultMetrics | undefined;
  #isStarted = false;

  constructor(options: ServeOptions, traces: Traces | undefined) {
    this.#options = options;
    const { log, securityEvents = [] } = options;
    this.#seals = new SealLog(log);
    this.#events = securityEvents.map((target) => new SecurityEvents(target));
    this.#lost = new LostEvents(this.#events, log);
    this.#metrics = this.#newMetrics();
    this.#holder = this.#newHolder();
    this.#proxies = trustedProxies(options.trustedProxies ?? []);
    this.#face = new HttpFace({
      environment: options.environment,
      vault: () => this.#holder.vault,
      pages: { ...this.#pages(), ...options.pages },
      clientAddress: (message) => clientAddress(originOf(message), this.#proxies),
      answered: (about, message) => {
        this.#metrics.answered(about);
        traces?.answered(about, message);
      },
      failed: (error, request) => log.fail('unforeseen', error, { request }),
    });
  }

  /** Opens the vault, or leaves it sealed if it has no key that opens by itself. */
  async open(): Promise<void> {
    const { keys, log } = this.#options;
    try {
      await this.#holder.open(keys);
    } catch (error) {
      if (!(error instanceof StrongroomError && error.code === 'key_not_found')) throw error;
      log.write('warn', 'sealed', { message: error.message, hint: error.hint });
    }
    this.#isStarted = true;
  }

  async listen(at: {
    readonly host: string;
    readonly port: number;
    readonly tls: SecureContextOptions | undefined;
  }): Promise<Server> {
    const { tls: files, log, tlsMin, clientCertificates } = this.#options;
    const most = this.#options.connectionsMax ?? connectionsMax();
    const listening = await listen({
      ...at,
      tlsMin,
      clientCertificates,
      connectionsMax: most,
      trustedProxies: this.#proxies,
      handle: (message, response) => void this.#face.handle(message, response),
    });
    this.#listening = listening;
    if (files !== undefined) {
      this.#stopWatching = watchTlsFiles(files, {
        renew: (context) => listening.renew(context),
        renewed: () => log.write('info', 'certificate_renewed'),
        failed: (error) => log.fail('certificate_not_renewed', error),
      });
    }
    this.#probe = setInterval(() => {
      this.#probeBlocked();
      this.#lost.look(performance.now());
    }, PROBE_MS);
    this.#probe.unref();
    const holder = this.#holder;
    return {
      address: shownAddress(listening, at.tls !== undefined),
      port: listening.port,
      get vault() {
        return holder.vault;
      },
      seals: () => holder.seals(),
      close: () => this.close(),
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#face.end();
    clearInterval(this.#probe);
    this.#stopWatching();
    await this.#listening?.close(CLOSING_MS);
    await this.#holder.close();
    await Promise.all(this.#events.map((events) => events.close()));
  }

  #newHolder(): VaultHolder {
    const { directory, acceptRollback, configDirectory, rateLimits, log } = this.#options;
    const { now = Date.now } = this.#options;
    return new VaultHolder({
      directory,
      acceptRollback,
      configDirectory,
      rateLimits,
      now,
      holder: SERVER_HOLDER,
      opened: (vault) => this.#opened(vault),
      observer: {
        committed: (cohort) => this.#metrics.committed(cohort),
        recorded: (entry) => {
          this.#metrics.recorded(entry);
          this.#seals.recorded(entry);
          const event = this.#events.length === 0 ? undefined : securityEvent(entry, now());
          if (event !== undefined) for (const events of this.#events) events.send(event);
        },
      },
      schedule: {
        onReport: ({ failures }) => {
          for (const { task, code, message } of failures) {
            log.write('error', 'work_failed', { task, code, message });
          }
        },
        onFailure: (error) => log.fail('work_failed', error),
      },
    });
  }

  #opened(vault: UnsealedVault): void {
    this.#seals.unsealed(vault.id);
    // At the start it is a reason not to serve; whoever unseals is not to be sent away for it.
    if (!this.#isStarted) return;
    requireDefaultEnvironment(vault, this.#options).catch((error: unknown) => {
      this.#options.log.fail('default_environment', asStrongroomError(error));
    });
  }

  #newMetrics(): ServerMetrics {
    const { now = Date.now } = this.#options;
    return new ServerMetrics({
      vault: () => this.#numbers,
      isSealed: () => this.#holder.vault === undefined,
      isBlocked: () => this.#holder.vault?.isBlocked === true,
      connections: () => this.#listening?.connections ?? 0,
      lost: () => this.#lost.count + this.#options.log.lost,
      now,
    });
  }

  #pages(): Pages {
    const vault = (): UnsealedVault | undefined => this.#holder.vault;
    const text = (numbers: VaultMetrics | undefined): string => {
      this.#numbers = numbers;
      return this.#metrics.text();
    };
    return {
      ...healthPages({ vault, isEnding: () => this.#closing !== undefined }),
      ...sealPages(this.#holder, (error) => this.#seals.refused(error)),
      ...ssoPages({ vault }),
      '/metrics': { GET: metricsPage({ vault, text, isOpen: this.#options.metricsOpen }) },
      '/api/openapi.json': { GET: openApiPage(this.#options.version ?? '0.0.0', vault) },
    };
  }

  /** Whoever balances load sends nothing to a server that is not ready, and only a call shows that it is again. */
  #probeBlocked(): void {
    const { vault } = this.#holder;
    if (vault?.isBlocked !== true) return;
    vault.call(readMetrics, vault.systemCaller(), {}).catch(() => undefined);
  }
}

/** What no workspace has would be no more than a mistake in every request that names none. */
async function requireDefaultEnvironment(
  vault: UnsealedVault,
  { environment }: ServeOptions,
): Promise<void> {
  if (environment === undefined) return;
  const caller = vault.systemCaller();
  const names = new Set<string>();
  for (const { name: workspace } of await vault.call(listWorkspaces, caller, {})) {
    const found = await vault.call(listEnvironments, caller, { workspace });
    for (const { name } of found) names.add(name);
  }
  if (names.has(environment)) return;
  throw new StrongroomError('environment_not_found', 'there is no such default environment', {
    hint: `--default-environment takes ${[...names].toSorted().join(', ')}`,
  });
}

/** Without them the server serves all the same. */
function tracesOf({ version, log }: ServeOptions): Promise<Traces | undefined> {
  return loadTraces({ version }).catch((error: unknown) => {
    log.fail('traces_unavailable', asStrongroomError(error));
    return undefined;
  });
}

/** @throws {@link StrongroomError} `usage` for what everybody on the way could read. */
function requireSafe(host: string, { tls, insecureHttp = false }: ServeOptions): void {
  if (tls !== undefined || insecureHttp || isThisMachine(host)) return;
  throw new StrongroomError('usage', `${host} is beyond this machine, and plain HTTP is not safe`, {
    details: { host },
    hint: 'give --tls-cert and --tls-key; behind a proxy that speaks TLS, listen on 127.0.0.1, or say --insecure-http',
  });
}

function isThisMachine(host: string): boolean {
  return host === 'localhost' || LOOPBACK.has(host) === true;
}

function originOf({ socket, headers }: IncomingMessage): Parameters<typeof clientAddress>[0] {
  const forwarded = headers['x-forwarded-for'];
  return {
    socket: socket.remoteAddress,
    forwardedFor: Array.isArray(forwarded) ? forwarded.join(',') : forwarded,
  };
}
