import { createReadStream } from 'node:fs';

import type { Command } from 'commander';

import type { LogVerified } from '../../domain/audit/verify-log.ts';
import type { VerifiedExport, VerifyReport } from '../../domain/audit/verify-export.ts';
import type { FailedVerification } from '../../domain/audit/verify-report.ts';
import { StrongroomError } from '../../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { formatFacts } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';
import { readVerifierText } from '../verifier-files.ts';

interface AuditVerifyOptions extends GlobalOptions {
  readonly key?: string;
  readonly checkpoint?: string;
}

/**
 * `strongroom audit verify [FILE]`: with a file offline, by the verifier keys
 * alone; without one the vault's own log. Exit codes as docs/spec/audit-log.md has them.
 */
export function registerAuditVerify(group: Command, terminal: Terminal): void {
  const command = group
    .command('verify')
    .description("verify an exported log without a vault; without a file, this vault's own log")
    .argument('[file]', 'an export; - is standard input')
    .option('--key <file>', 'verifier keys, from `strongroom audit key`')
    .option('--checkpoint <file>', 'a checkpoint kept elsewhere, which the log must contain')
    .action(async (file: string | undefined, _: object, command: Command) => {
      // Until a verification has succeeded it has crashed.
      process.exitCode = EXIT.internal;
      const options = command.optsWithGlobals<AuditVerifyOptions>();
      process.exitCode =
        file === undefined
          ? await verifyVault(options, terminal)
          : await verifyFile(file, options, terminal);
    });
  addExamples(
    command,
    'strongroom audit verify log.jsonl --key audit.pub',
    'strongroom audit verify log.jsonl --key audit.pub --checkpoint checkpoint',
  );
}

async function verifyFile(
  file: string,
  { key, checkpoint }: AuditVerifyOptions,
  terminal: Terminal,
): Promise<number> {
  if (key === undefined) {
    throw new StrongroomError('usage', 'verifying a file needs the verifier keys', {
      hint: 'name their file with --key; `strongroom audit key > audit.pub` writes it',
    });
  }
  const { verifyExport } = await import('../../domain/audit/verify-export.ts');
  const { readExportLines } = await import('../../domain/audit/read-export-lines.ts');
  const given = checkpoint === undefined ? {} : { checkpoint: readVerifierText(checkpoint) };
  const report = await verifyExport(readExportLines(chunksOf(file)), {
    verifierKeys: readVerifierText(key),
    ...given,
  });
  return show(report, terminal);
}

/** A file's bytes, failing as wrong use if it cannot be read. */
async function* chunksOf(file: string): AsyncGenerator<Uint8Array, void, undefined> {
  const stream = file === '-' ? process.stdin : createReadStream(file);
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) yield chunk;
  } catch (cause) {
    throw new StrongroomError('usage', `the file ${file} cannot be read`, { cause });
  }
}

function show(report: VerifyReport, terminal: Terminal): number {
  if (terminal.isJson) terminal.result(report, '');
  else if (report.ok) showVerified(report, terminal);
  else showFailure(report, terminal);
  return report.ok ? EXIT.ok : EXIT.verificationFailed;
}

function showVerified(report: VerifiedExport, terminal: Terminal): void {
  const isOwn = report.against === 'export';
  terminal.result(
    report,
    formatFacts({
      verified: `${report.size} entries: ${report.shown} shown, ${report.hidden} hidden`,
      log: report.origin,
      root: report.root,
      against: `${isOwn ? "the export's own checkpoint" : 'the checkpoint that was given'}, of ${report.checkpointSize} entries`,
    }),
  );
  if (!isOwn) return;
  terminal.note(
    'newer entries may have been cut off: hold it against a checkpoint kept elsewhere with --checkpoint',
  );
}

/** Shows a fault that a verification found: where it is, and what it means. */
export function showFailure(report: FailedVerification, terminal: Terminal): void {
  const { message, badIndex, line, code } = report;
  const places = [
    ...(badIndex === undefined ? [] : [`entry ${badIndex}`]),
    ...(line === undefined ? [] : [`line ${line}`]),
  ];
  const verdict = code === 'audit_tampered' ? 'not as it was signed' : 'not verifiable';
  terminal.note(`${verdict}: ${message}${places.length === 0 ? '' : ` (${places.join(', ')})`}`);
}

async function verifyVault(options: AuditVerifyOptions, terminal: Terminal): Promise<number> {
  if (options.key !== undefined || options.checkpoint !== undefined) {
    throw new StrongroomError('usage', '--key and --checkpoint are for an exported file', {
      hint: 'as in `strongroom audit verify log.jsonl --key audit.pub`',
    });
  }
  return withSession(options, terminal, async (session) => {
    let verified: LogVerified;
    try {
      verified = await session.audit.verify();
    } catch (error) {
      if (!(error instanceof StrongroomError) || error.code !== 'integrity_error') throw error;
      terminal.fail(error);
      return EXIT.verificationFailed;
    }
    const { size, checkpointSize, secrets } = verified;
    terminal.result(
      { ok: true, ...verified },
      formatFacts({
        verified: `${size} entries, and ${secrets} secrets against them`,
        against: `this vault's newest checkpoint, of ${checkpointSize} entries`,
      }),
    );
    return EXIT.ok;
  });
}
