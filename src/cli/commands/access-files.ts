import type { Command } from 'commander';

import type { TestAccessInput } from '../../core/operations/access-explain.ts';
import type { AccessReplayed, ReplayInput } from '../../core/operations/access-replay.ts';
import { StrongroomError } from '../../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { moment } from '../option-values.ts';
import { decodeText, readFile } from '../read-text-file.ts';
import { formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';

interface ReplayOptions extends GlobalOptions {
  readonly last?: string;
}

/** `strongroom access test FILE`: exits with 6 if a case comes out otherwise than expected. */
export function registerTest(group: Command, terminal: Terminal): void {
  const command = group
    .command('test')
    .description('decide the test cases of a policy')
    .argument('<file>', 'JSON or YAML: cases with principal, capability, resource and expected')
    .action(async (file: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const input = (await read(file)) as TestAccessInput;
      const found = await withSession(options, terminal, (session) => session.access.test(input));
      const rows = found.results.map((each) => [
        each.passed ? 'ok' : 'FAILED',
        each.principal,
        each.capability,
        each.resource,
        each.passed ? each.found : `${each.found}, not ${each.expected}: ${each.reason}`,
      ]);
      terminal.result(
        found,
        formatTable(['', 'principal', 'capability', 'resource', 'found'], rows),
      );
      terminal.note(`${found.passed} passed, ${found.failed} failed`);
      if (found.failed > 0) process.exitCode = EXIT.verificationFailed;
    });
  addExamples(command, 'strongroom access test policy-tests.yaml');
}

/** `strongroom access replay FILE`: what a change of rules would have meant. */
export function registerReplay(group: Command, terminal: Terminal): void {
  const command = group
    .command('replay')
    .description('tell who would lose or gain what, before rules are changed')
    .argument('<file>', 'JSON or YAML: grants to add, and ids of grants to remove')
    .option(
      '--last <time>',
      'put it against what was done since: 30d, 12h or an RFC 3339 time',
      moment('--last', 'past'),
    )
    .action(async (file: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<ReplayOptions>();
      const { last } = options;
      if (last === undefined) {
        throw new StrongroomError('usage', 'replay takes --last: since when it looks back', {
          hint: 'as in --last 30d (also 12h, or an RFC 3339 time)',
        });
      }
      const change = (await read(file)) as Omit<ReplayInput, 'since'>;
      const found = await withSession(options, terminal, (session) =>
        session.access.replay({ ...change, since: last }),
      );
      show(found, terminal);
    });
  addExamples(command, 'strongroom access replay change.yaml --last 30d');
}

function show(found: AccessReplayed, terminal: Terminal): void {
  const rows = found.shifts.map((each) => [
    each.change,
    each.principal,
    each.action,
    each.resource,
    `${each.times}`,
  ]);
  const table = formatTable(['change', 'who', 'action', 'resource', 'times'], rows);
  terminal.result(found, rows.length === 0 ? '' : table);
  const window = found.isComplete ? '' : ', not all of that time';
  terminal.note(`${found.entries} entries decided again${window}; nothing was changed`);
  if (found.undecided > 0) {
    terminal.note(`${found.undecided} more say too little to be decided again`);
  }
  if (rows.length === 0) terminal.note('nobody would lose or gain anything that was asked for');
}

async function read(file: string): Promise<object> {
  const { readDocument } = await import('../../formats/document.ts');
  const document = readDocument(decodeText(readFile(file), 'invalid_input'));
  if (typeof document === 'object' && document !== null && !Array.isArray(document)) {
    return document;
  }
  throw new StrongroomError('invalid_input', `the file ${file} is no mapping`);
}
