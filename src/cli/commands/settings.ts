import type { Command } from 'commander';

import type { SettingView } from '../../core/operations/settings.ts';
import type { SettingName } from '../../domain/settings/known-settings.ts';
import { formatFacts, formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { addExamples } from '../usage.ts';
import { withSession, type GlobalOptions } from '../vault-access.ts';

/** `strongroom settings list|get|set|reset`: what a workspace or the vault is set to. */
export function registerSettings(program: Command, terminal: Terminal): void {
  const group = program
    .command('settings')
    .description('settings of a workspace, and of the vault');
  registerRead(group, terminal);
  const set = group
    .command('set')
    .description('set a setting')
    .argument('<name>', 'the setting')
    .argument('<value>', 'JSON, or a word')
    .action(async (name: string, value: string, _: object, command: Command) => {
      await write({ name: name as SettingName, value: valueOf(value) }, command, terminal);
    });
  addExamples(
    set,
    'strongroom settings set trash_retention_days 7',
    'strongroom settings set complexity strong',
    `strongroom settings set complexity '{"minLength":20,"digit":true}' -w billing`,
  );
  group
    .command('reset')
    .description('take a setting back to its default')
    .argument('<name>', 'the setting')
    .action(async (name: string, _: object, command: Command) => {
      await write({ name: name as SettingName, value: null }, command, terminal);
    });
}

function registerRead(group: Command, terminal: Terminal): void {
  group
    .command('list')
    .alias('ls')
    .description('list settings, and what each is')
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const found = await withSession(options, terminal, (session) =>
        session.settings.read({ workspace: options.workspace }),
      );
      const rows = found.settings.map((it) => [it.name, textOf(it), it.scope, it.meaning]);
      terminal.result(found, formatTable(['setting', 'value', 'of', 'meaning'], rows));
    });
  group
    .command('get')
    .description('say what a setting is, and who set it')
    .argument('<name>', 'the setting')
    .action(async (name: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const { settings } = await withSession(options, terminal, (session) =>
        session.settings.read({ workspace: options.workspace, name: name as SettingName }),
      );
      for (const setting of settings) terminal.result(setting, facts(setting));
    });
}

async function write(
  change: { readonly name: SettingName; readonly value: unknown },
  command: Command,
  terminal: Terminal,
): Promise<void> {
  const options = command.optsWithGlobals<GlobalOptions>();
  const { workspace } = options;
  const written = await withSession(options, terminal, (session) =>
    session.settings.write({ workspace, ...change }),
  );
  terminal.result(written, '');
  if (!terminal.isJson) terminal.note(`${written.name} is ${textOf(written)}`);
  for (const warning of written.warnings) terminal.warn(warning);
}

/** A word stands for itself, so that nobody has to quote a quoted text. */
function valueOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function textOf({ value, isSet }: SettingView): string {
  const text = value === null ? 'none' : typeof value === 'string' ? value : JSON.stringify(value);
  return isSet ? text : `${text} (default)`;
}

function facts(setting: SettingView): string {
  return formatFacts({
    setting: setting.name,
    value: textOf(setting),
    of: setting.scope,
    meaning: setting.meaning,
    set:
      setting.updatedAt === null
        ? undefined
        : `${setting.updatedAt} by ${setting.updatedByName ?? ''}`,
  });
}
