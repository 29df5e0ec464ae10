import { createSocket } from 'node:dgram';
import { hostname } from 'node:os';

import { LOCKED } from '../core/denials.ts';
import { beginAttempt } from '../core/operations/begin-attempt.ts';
import type { EntryFields } from '../domain/audit/entry.ts';
import { StrongroomError } from '../errors.ts';
import { http, https } from '../lib/node-http.ts';
import { fileSink, QueuedSink, type LineSink } from './line-sink.ts';

/** Something that whoever watches over the server should hear of at once. */
export interface SecurityEvent {
  readonly time: string;
  readonly event: 'denied' | 'locked' | 'integrity_error';
  /** The code of the failure. */
  readonly reason: string;
  readonly action: string;
  /** The id of the entry in the audit log, which has all the rest. */
  readonly request: string;
  readonly actor?: string | undefined;
  readonly ip?: string | undefined;
  readonly workspace?: string | undefined;
  readonly environment?: string | undefined;
  /** How many requests it stands for. */
  readonly count?: number | undefined;
}

/** Codes of failures that say that something was altered. */
const ALTERED: ReadonlySet<string> = new Set([
  'integrity_error',
  'audit_tampered',
  'database_corrupt',
  'decryption_failed',
  'rollback_detected',
]);

const TIMEOUT_MS = 5000;
/** Facility 10, security and authorisation messages; severity 4, warning, and 2, critical (RFC 5424 §6.2.1). */
const WARNING = 10 * 8 + 4;
const CRITICAL = 10 * 8 + 2;
const SYSLOG_PORT = 514;

/** What an entry of the audit log is as a security event; `undefined` for most. */
export function securityEvent(entry: EntryFields, now: number): SecurityEvent | undefined {
  // What came of an attempt is told of the call that made it.
  if (entry.outcome === 'ok' || entry.action === beginAttempt.name) return undefined;
  const { reason = '' } = entry;
  const event = kindOf(entry.outcome, reason);
  if (event === undefined) return undefined;
  return {
    time: new Date(now).toISOString(),
    event,
    reason,
    action: entry.action,
    request: entry.request,
    actor: entry.actorName,
    ip: entry.ip,
    workspace: entry.workspace,
    environment: entry.environment,
    count: entry.count,
  };
}

function kindOf(outcome: string, reason: string): SecurityEvent['event'] | undefined {
  if (ALTERED.has(reason)) return 'integrity_error';
  if (reason === 'rate_limited' || reason === LOCKED) return 'locked';
  return outcome === 'denied' ? 'denied' : undefined;
}

/** Sends security events to one place. What cannot be sent is lost and counted, never waited for. */
export class SecurityEvents {
  readonly #sink: LineSink;
  readonly #format: (event: SecurityEvent) => string;

  /**
   * @param target - A file's path, `syslog://host:port` (RFC 5424 over UDP), or an HTTPS address.
   * @throws {@link StrongroomError} `usage` for another address; `read_only` for a file that cannot be made.
   */
  constructor(target: string) {
    const { sink, format = inJson } = sinkOf(target);
    this.#sink = sink;
    this.#format = format;
  }

  /** How many events were lost. */
  get lost(): number {
    return this.#sink.lost;
  }

  send(event: SecurityEvent): void {
    this.#sink.write(this.#format(event));
  }

  close(): Promise<void> {
    return this.#sink.close();
  }
}

function sinkOf(target: string): {
  readonly sink: LineSink;
  readonly format?: (event: SecurityEvent) => string;
} {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(target)) return { sink: fileSink(target) };
  const url = URL.canParse(target) ? new URL(target) : undefined;
  if (url?.protocol === 'syslog:') return { sink: syslogSink(url), format: inSyslog };
  const isLocal = url !== undefined && ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname);
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLocal)) {
    return { sink: new QueuedSink((line) => post(url, line)) };
  }
  throw new StrongroomError('usage', 'security events go to a file, syslog or HTTPS', {
    hint: 'such as /var/log/strongroom.jsonl, syslog://127.0.0.1:514 or https://siem.example/hook',
  });
}

function inJson(event: SecurityEvent): string {
  return `${JSON.stringify(event)}\n`;
}

/** RFC 5424 §6, the message in JSON, which escapes every control character. */
function inSyslog(event: SecurityEvent): string {
  const priority = event.event === 'integrity_error' ? CRITICAL : WARNING;
  const head = `<${priority}>1 ${event.time} ${hostname()} strongroom ${process.pid}`;
  return `${head} ${event.event} - ${JSON.stringify(event)}`;
}

function syslogSink({ hostname: host, port }: URL): LineSink {
  const address = host.replace(/^\[|\]$/g, '');
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  socket.unref();
  // Nobody listens: the next line is tried all the same.
  socket.on('error', () => undefined);
  const to = port === '' ? SYSLOG_PORT : Number(port);
  const send = (line: string): Promise<void> =>
    new Promise((resolve, reject) => {
      socket.send(line, to, address, (error) => (error === null ? resolve() : reject(error)));
    });
  return new QueuedSink(send, () => socket.close());
}

function post(url: URL, line: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const { request: send } = url.protocol === 'https:' ? https() : http();
    const options = {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'User-Agent': 'strongroom' },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    };
    const request = send(url, options, (answer) => {
      answer.resume();
      answer.on('end', () => {
        if ((answer.statusCode ?? 0) < 300) resolve();
        else reject(new Error('the event was not taken'));
      });
      answer.on('error', reject);
    });
    request.on('error', reject);
    request.end(line);
  });
}
