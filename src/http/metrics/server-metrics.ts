import { readdirSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

import type { CohortFacts } from '../../core/observer.ts';
import type { VaultMetrics } from '../../core/operations/read-metrics.ts';
import type { EntryFields } from '../../domain/audit/entry.ts';
import type { Answered } from '../http-face.ts';
import { Registry, type Counter, type Histogram } from './registry.ts';

/** What is looked up when somebody asks for numbers. */
export interface MetricsSources {
  /** Of the vault, while it is unsealed. */
  readonly vault: () => VaultMetrics | undefined;
  readonly isSealed: () => boolean;
  readonly isBlocked: () => boolean;
  readonly connections: () => number;
  /** Log lines and security events that nobody took in time. */
  readonly lost: () => number;
  readonly now: () => number;
}

const SECONDS: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
];
const SIZES: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const LAG_RESOLUTION_MS = 20;
const METHODS: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);

/** The numbers of one server. None of their labels can be chosen by a client. */
export class ServerMetrics {
  readonly #registry = new Registry();
  readonly #requests: Counter;
  readonly #durations: Histogram;
  readonly #operations: Counter;
  readonly #accesses: Counter;
  readonly #entries: Counter;
  readonly #batches: Histogram;
  readonly #waits: Histogram;
  #accessed = 0;
  #failed = 0;

  constructor(sources: MetricsSources) {
    const registry = this.#registry;
    this.#requests = registry.counter(
      'http_requests_total',
      'HTTP requests by what became of them.',
    );
    this.#durations = registry.histogram(
      'http_request_duration_seconds',
      'Time from the head of a request to its answer.',
      SECONDS,
    );
    this.#operations = registry.counter(
      'strongroom_operations_total',
      'Calls of operations by how they ended, as on record.',
    );
    this.#accesses = registry.counter(
      'secret_accesses_total',
      'Calls about secrets by how they ended: ok, denied or failed.',
    );
    this.#entries = registry.counter(
      'secret_audit_log_volume',
      'Entries written to the audit log.',
    );
    this.#batches = registry.histogram(
      'strongroom_committer_batch_size',
      'Calls that became durable together.',
      SIZES,
    );
    this.#waits = registry.histogram(
      'strongroom_committer_wait_seconds',
      'Time that the first call of a batch waited until it was durable.',
      SECONDS,
    );
    registry.gauge(
      'secret_access_failure_rate',
      'Part of all calls about secrets since the start that were denied or failed.',
      () => (this.#accessed === 0 ? 0 : this.#failed / this.#accessed),
    );
    addVault(registry, sources);
    addProcess(registry, sources);
  }

  /** An answer over HTTP. */
  answered({ method, route, status, ms }: Answered): void {
    const known = METHODS.has(method) ? method : 'other';
    this.#requests.add({ method: known, route, status: String(status) });
    this.#durations.observe(ms / 1000);
  }

  /** An entry of the audit log. */
  recorded({ action, outcome, face, count = 1 }: EntryFields): void {
    this.#entries.add();
    this.#operations.add({ operation: action, outcome }, count);
    if (!action.startsWith('secrets.') || face === 'scheduler') return;
    this.#accesses.add({ outcome }, count);
    this.#accessed += count;
    if (outcome !== 'ok') this.#failed += count;
  }

  /** A transaction of the committer. */
  committed({ size, waitMs }: CohortFacts): void {
    this.#batches.observe(size);
    this.#waits.observe(waitMs / 1000);
  }

  /** Everything, in the text format of Prometheus. */
  text(): string {
    return this.#registry.text();
  }
}

function addVault(registry: Registry, { vault, isSealed, isBlocked, now }: MetricsSources): void {
  const age = (moment: number | undefined): number | undefined =>
    moment === undefined ? undefined : Math.max(0, (now() - moment) / 1000);
  const flag = (is: boolean): number => (is ? 1 : 0);
  registry.gauge('strongroom_sealed', 'Whether the vault is sealed.', () => flag(isSealed()));
  registry.gauge(
    'strongroom_audit_blocked',
    'Whether nothing is given out because it cannot be put on record.',
    () => flag(isBlocked()),
  );
  registry.gauge(
    'secret_rotation_due_count',
    'Active secrets whose rotation is due.',
    () => vault()?.rotationDue,
  );
  registry.gauge(
    'encryption_backend_health',
    'Whether the keys of all workspaces can be used.',
    () => {
      const numbers = vault();
      return numbers === undefined ? undefined : flag(numbers.isHealthy);
    },
  );
  registry.gauge(
    'strongroom_audit_entries',
    'Entries in the audit log.',
    () => vault()?.auditEntries,
  );
  registry.gauge(
    'strongroom_audit_checkpoint_age_seconds',
    'Since the newest signed checkpoint of the audit log.',
    () => age(vault()?.checkpointAt),
  );
  registry.gauge(
    'strongroom_backup_age_seconds',
    'Since the newest backup that is in its place.',
    () => age(vault()?.backupAt),
  );
  registry.gauge(
    'strongroom_backup_receipt_age_seconds',
    'Since a restore of a backup last succeeded.',
    () => age(vault()?.backupProvenAt),
  );
}

/** The usual numbers of a process, under their usual names. */
function addProcess(registry: Registry, { connections, lost }: MetricsSources): void {
  const delay = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
  delay.enable();
  const started = Date.now() / 1000 - process.uptime();
  registry.gauge('http_connections', 'Open connections.', connections);
  registry.total(
    'strongroom_lost_lines_total',
    'Lines of the log and security events that nobody took in time.',
    lost,
  );
  registry.total('process_cpu_seconds_total', 'CPU time, user and system.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  registry.gauge('process_start_time_seconds', 'Start, in seconds since 1970.', () => started);
  registry.gauge('process_resident_memory_bytes', 'Resident memory.', () =>
    process.memoryUsage.rss(),
  );
  registry.gauge(
    'nodejs_heap_size_used_bytes',
    'Heap in use.',
    () => process.memoryUsage().heapUsed,
  );
  registry.gauge('process_open_fds', 'Open file descriptors.', openFiles);
  registry.gauge(
    'nodejs_eventloop_lag_p99_seconds',
    'How late timers are, at the 99th percentile since somebody last asked.',
    () => lagOf(delay),
  );
}

/** It measures from one timer to the next, so that what a timer is to take is in it. */
function lagOf(delay: ReturnType<typeof monitorEventLoopDelay>): number {
  const lagMs = delay.percentile(99) / 1e6 - LAG_RESOLUTION_MS;
  delay.reset();
  return Math.max(0, lagMs / 1000);
}

function openFiles(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return undefined;
  }
}
