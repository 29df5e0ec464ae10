import type { Command } from 'commander';

import type { AuditEntry } from '../../domain/audit/entry.ts';
import type { ProofReport } from '../../domain/audit/verify-proof.ts';
import { StrongroomError } from '../../errors.ts';
import { printableLines } from '../../lib/printable.ts';
import { EXIT } from '../exit-codes.ts';
import { wholeNumber } from '../option-values.ts';
import { formatFacts } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { readVerifierText } from '../verifier-files.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';
import { showFailure } from './audit-verify.ts';

interface VerifyProofOptions extends GlobalOptions {
  readonly key?: string;
}

/** `strongroom audit proof ENTRY` and `audit verify-proof FILE`. */
export function registerAuditProof(group: Command, terminal: Terminal): void {
  const proof = group
    .command('proof')
    .description('prove that an entry is in the log, for anyone who has the verifier keys')
    .argument('<entry>', 'its number, as `audit list` shows it', wholeNumber('the entry', 0))
    .action(async (seq: number, _: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const proved = await withSession(options, terminal, (session) =>
        session.audit.proof({ seq }),
      );
      terminal.result(proved, printableLines(proved.proof));
    });
  addExamples(proof, 'strongroom audit proof 17 > proof.json');

  const verify = group
    .command('verify-proof')
    .description('verify such a proof, without a vault')
    .argument('<file>', 'a proof; - is standard input')
    .option('--key <file>', 'verifier keys, from `strongroom audit key`')
    .action(async (file: string, _: object, command: Command) => {
      process.exitCode = EXIT.internal;
      const { key } = command.optsWithGlobals<VerifyProofOptions>();
      process.exitCode = await verifyProofFile(file, key, terminal);
    });
  addExamples(verify, 'strongroom audit verify-proof proof.json --key audit.pub');
}

async function verifyProofFile(
  file: string,
  key: string | undefined,
  terminal: Terminal,
): Promise<number> {
  if (key === undefined) {
    throw new StrongroomError('usage', 'verifying a proof needs the verifier keys', {
      hint: 'name their file with --key; `strongroom audit key > audit.pub` writes it',
    });
  }
  const { verifyProof } = await import('../../domain/audit/verify-proof.ts');
  const text = readVerifierText(file);
  const report = verifyProof(text, readVerifierText(key));
  if (!report.ok) {
    if (terminal.isJson) terminal.result(report, '');
    else showFailure(report, terminal);
    return EXIT.verificationFailed;
  }
  showProved(report, entryIn(text), terminal);
  return EXIT.ok;
}

function showProved(
  report: ProofReport & { readonly ok: true },
  entry: AuditEntry,
  terminal: Terminal,
): void {
  const about = [entry.environment, entry.path].filter((part) => part !== undefined).join(' ');
  terminal.result(
    { ...report, entry },
    formatFacts({
      verified: `entry ${report.index}, under a checkpoint of ${report.size} entries`,
      time: entry.time,
      who: entry.actor_name,
      action: entry.action,
      about: about === '' ? undefined : about,
      outcome: entry.outcome,
      log: report.origin,
    }),
  );
}

/** The entry of a proof that was verified. */
function entryIn(proof: string): AuditEntry {
  const { entry } = JSON.parse(proof) as { readonly entry: string };
  return JSON.parse(entry) as AuditEntry;
}
