import { once } from 'node:events';
import { createWriteStream, existsSync, renameSync, rmSync, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';

import type { Command } from 'commander';

import type { Session } from '../../core/session.ts';
import { StrongroomError } from '../../errors.ts';
import { PageBound } from '../page-bound.ts';
import { requireOutside } from '../private-output.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';

interface AuditExportOptions extends GlobalOptions {
  readonly output?: string;
  readonly force?: boolean;
}

/** Takes a piece of the export; gives whether anybody wants more. */
type Sink = (text: string) => Promise<boolean>;

/** `strongroom audit export`: the whole log, to be verified without the vault. */
export function registerAuditExport(group: Command, terminal: Terminal): void {
  const command = group
    .command('export')
    .description('write the whole log, to be verified anywhere without the vault')
    .option('-o, --output <file>', 'write to a file instead of standard output')
    .option('--force', 'replace the file if it is there')
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<AuditExportOptions>();
      const { output } = options;
      if (output === undefined) {
        await withSession(options, terminal, (session) =>
          writeExport(session, (text) => terminal.writeAll(text)),
        );
        return;
      }
      requireOutside(output, options);
      requireRoom(output, options.force ?? false);
      const lines = await withSession(options, terminal, (session) => exportTo(output, session));
      terminal.result({ output, lines }, '');
      if (!terminal.isJson) terminal.note(`wrote ${lines} lines to ${output}`);
    });
  addExamples(
    command,
    'strongroom audit export > log.jsonl',
    'strongroom audit export | strongroom audit verify - --key audit.pub',
  );
}

/** Writes all parts one after the other, each when the reader has taken the one before; gives the number of lines. */
async function writeExport(session: Session, sink: Sink): Promise<number> {
  let lines = 0;
  const pages = new PageBound();
  let part = await session.audit.export();
  for (;;) {
    lines += part.lines.length;
    const isWanted = await sink(`${part.lines.join('\n')}\n`);
    const from = pages.after(part.next, part.lines);
    if (from === undefined || !isWanted) return lines;
    part = await session.audit.export({ from, checkpoint: part.checkpoint });
  }
}

/** The file is there whole or as it was before. */
async function exportTo(output: string, session: Session): Promise<number> {
  const building = `${output}.${process.pid}.part`;
  const stream = createWriteStream(building, { flags: 'wx', mode: 0o600, flush: true });
  // A failure between two writes is told by the next one, or by the end.
  stream.on('error', () => {});
  try {
    await opened(stream, output);
    const lines = await writeExport(session, async (text) => {
      if (!stream.write(text)) await once(stream, 'drain');
      return true;
    });
    stream.end();
    await finished(stream);
    renameSync(building, output);
    return lines;
  } catch (error) {
    stream.destroy();
    rmSync(building, { force: true });
    throw asStorageFault(error, output);
  }
}

async function opened(stream: WriteStream, output: string): Promise<void> {
  try {
    await once(stream, 'open');
  } catch (cause) {
    throw new StrongroomError('read_only', `the file ${output} cannot be written`, { cause });
  }
}

function asStorageFault(error: unknown, output: string): unknown {
  if (!(error instanceof Error) || !('code' in error) || error instanceof StrongroomError)
    return error;
  const isFull = error.code === 'ENOSPC' || error.code === 'EDQUOT';
  return new StrongroomError(
    isFull ? 'storage_full' : 'storage_failed',
    isFull ? `there is no room for ${output}` : `the file ${output} cannot be written`,
    { cause: error },
  );
}

function requireRoom(output: string, isReplaced: boolean): void {
  if (isReplaced || !existsSync(output)) return;
  throw new StrongroomError('file_exists', `there is a file ${output} already`, {
    details: { path: output },
    hint: 'choose another name, or replace it with --force',
  });
}
