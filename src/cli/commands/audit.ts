import type { Command } from 'commander';

import { printableLines } from '../../lib/printable.ts';
import type { Terminal } from '../terminal.ts';
import { registerAuditExport } from './audit-export.ts';
import { registerAuditList } from './audit-list.ts';
import { registerAuditProof } from './audit-proof.ts';
import { registerAuditSecret } from './audit-secret.ts';
import { registerAuditVerify } from './audit-verify.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';

/** `strongroom audit …`: what is on record, and how anybody can check it. */
export function registerAudit(program: Command, terminal: Terminal): void {
  const group = program.command('audit').description('the log of every access');
  registerAuditList(group, terminal);
  registerAuditSecret(group, terminal);
  registerAuditExport(group, terminal);
  registerKey(group, terminal);
  registerAuditVerify(group, terminal);
  registerAuditProof(group, terminal);
  registerCheckpoint(group, terminal);
}

function registerKey(group: Command, terminal: Terminal): void {
  const command = group
    .command('key')
    .description("print the log's verifier keys, which are public")
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const key = await withSession(options, terminal, (session) => session.audit.key());
      terminal.result(key, printableLines(key.verifierKeys));
    });
  addExamples(command, 'strongroom audit key > audit.pub');
}

function registerCheckpoint(group: Command, terminal: Terminal): void {
  const command = group
    .command('checkpoint')
    .description('sign the present state of the log and print that, to be kept elsewhere')
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const signed = await withSession(options, terminal, (session) => session.audit.checkpoint());
      terminal.result(signed, printableLines(signed.checkpoint));
    });
  addExamples(command, 'strongroom audit checkpoint > checkpoint');
}
