import type { Command } from 'commander';

import type { ImportInput, ImportSummary } from '../../core/operations/inherit.ts';
import { environmentOption } from '../option-values.ts';
import { formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';

interface InheritOptions extends GlobalOptions {
  readonly environment?: string;
  readonly from: string;
  readonly folder?: string;
  readonly fromFolder?: string;
}

/** `strongroom inherit add|list|remove`: what an environment lacks comes from another one. */
export function registerInherit(program: Command, terminal: Terminal): void {
  const group = program
    .command('inherit')
    .description('let an environment have what it lacks from another one');
  const add = change(group, 'add', 'let an environment have what it lacks from another one').action(
    async (environment: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<InheritOptions>();
      const made = await withSession(options, terminal, (session) =>
        session.imports.create(asInput(environment, options)),
      );
      terminal.result(made, '');
      if (!terminal.isJson)
        terminal.note(`${targetOf(made)} has what it lacks from ${sourceOf(made)}`);
    },
  );
  addExamples(
    add,
    'strongroom inherit add production --from shared-env',
    'strongroom inherit add staging --from billing:staging --folder db/',
  );
  const remove = change(group, 'remove', 'end that').action(
    async (environment: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<InheritOptions>();
      const gone = await withSession(options, terminal, (session) =>
        session.imports.delete(asInput(environment, options)),
      );
      terminal.result(gone, '');
      if (!terminal.isJson)
        terminal.note(`${targetOf(gone)} has nothing from ${sourceOf(gone)} any more`);
    },
  );
  addExamples(remove, 'strongroom inherit remove production --from shared-env');
  group
    .command('list')
    .alias('ls')
    .description('list who has what they lack from where; those that win first')
    .addOption(environmentOption('only of this environment'))
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<InheritOptions>();
      const { workspace, environment } = options;
      const imports = await withSession(options, terminal, (session) =>
        session.imports.list({ workspace, environment }),
      );
      const rows = imports.map((each) => [targetOf(each), sourceOf(each)]);
      terminal.result(
        { imports },
        rows.length === 0 ? '' : formatTable(['environment', 'from'], rows),
      );
      if (!terminal.isJson && rows.length === 0) terminal.note('nothing is inherited');
    });
}

function change(group: Command, name: string, description: string): Command {
  return group
    .command(name)
    .description(description)
    .argument('<environment>', 'the environment that lacks something')
    .requiredOption(
      '--from <environment>',
      'where from; of another workspace as billing:production',
    )
    .option('--folder <folder>', 'only this folder, such as db/')
    .option('--from-folder <folder>', 'from this folder, if it is another one there');
}

function asInput(environment: string, options: InheritOptions): ImportInput {
  const { workspace, from, folder, fromFolder = folder } = options;
  const [first = '', second] = from.split(/:(.*)/s);
  const named =
    second === undefined ? { environment: first } : { workspace: first, environment: second };
  return { workspace, environment, folder, source: { ...named, folder: fromFolder } };
}

function targetOf({ environment, folder }: ImportSummary): string {
  return folder === '' ? environment : `${environment}/${folder}`;
}

function sourceOf({ workspace, source }: ImportSummary): string {
  if (source === null) return 'where you may not list anything';
  const name = source.workspace === workspace ? '' : `${source.workspace}:`;
  return `${name}${source.environment}${source.folder === '' ? '' : `/${source.folder}`}`;
}
