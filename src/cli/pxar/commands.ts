// The commands of pxar (cli.md 8).

import { defineGroup } from '../framework/command.ts';
import { create } from './create.ts';
import { extract } from './extract.ts';
import { list } from './list.ts';

export const pxarCommands = defineGroup('Archives of directory trees.', { create, extract, list });
