import type { Command } from 'commander';

import type { Terminal } from '../terminal.ts';
import { registerGet } from './get.ts';
import { registerSet } from './set.ts';

/** Adds a command to the program. */
export type RegisterCommand = (program: Command, terminal: Terminal) => void;

/** Every command, in the order in which help shows them. */
export const COMMANDS: readonly RegisterCommand[] = [registerSet, registerGet];
