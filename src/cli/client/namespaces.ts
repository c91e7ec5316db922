// Commands about namespaces: list, create, delete, move (cli.md 4).

import { parseNamespace } from '../../model/backup.ts';
import { defineCommand } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { outputFormat, outputOption, printJson } from '../framework/output.ts';
import { followTask } from '../task-log.ts';
import { completeNamespace, targetCompleters } from './complete.ts';
import { namespaceOptions, openTarget, repositoryOptions, storePath } from './repository-options.ts';

const { ns } = namespaceOptions;
const namespace = option.text('Namespace.', { format: 'namespace', minLength: 1 });
const completers = { ...targetCompleters, ns: completeNamespace };

export const list = defineCommand({
  summary: 'List namespaces below the root, or below another one.',
  positional: ['ns'],
  options: {
    ns,
    'max-depth': optional(option.integer('How many levels.', { minimum: 0, maximum: 7 })),
    ...repositoryOptions,
    ...outputOption,
  },
  complete: completers,
  async run(values, terminal) {
    await using target = await openTarget(values, terminal);
    const { data, attributes } = await target.connection.callForAnswer('GET', storePath(target, 'namespace'), {
      parent: target.ns === '' ? undefined : target.ns,
      'max-depth': values['max-depth'],
    });
    if (printJson(terminal, outputFormat(values, terminal), { data, ...attributes })) return;
    for (const entry of data as { ns: string }[]) if (entry.ns !== '') terminal.print(`${entry.ns}\n`);
  },
});

export const create = defineCommand({
  summary: 'Create a namespace; its parent must exist.',
  positional: ['ns'],
  options: { ns: namespace, ...repositoryOptions },
  complete: completers,
  async run(values, terminal) {
    await using target = await openTarget(values, terminal);
    const components = parseNamespace(values.ns);
    await target.connection.call('POST', storePath(target, 'namespace'), {
      name: components.at(-1),
      parent: components.slice(0, -1).join('/'),
    });
  },
});

export const remove = defineCommand({
  summary: 'Remove a namespace and the empty ones below it.',
  positional: ['ns'],
  options: {
    ns: namespace,
    'delete-groups': optional(option.flag('Also the groups in them. The data is lost.')),
    ...repositoryOptions,
  },
  complete: completers,
  async run(values, terminal) {
    await using target = await openTarget(values, terminal);
    await target.connection.call('DELETE', storePath(target, 'namespace'), {
      ns: values.ns,
      'delete-groups': values['delete-groups'],
    });
  },
});

export const move = defineCommand({
  summary: 'Move a namespace with all that is in it.',
  positional: ['ns'],
  options: {
    ns: namespace,
    'target-ns': option.text('Namespace that it becomes; made when it does not exist.', { format: 'namespace' }),
    'max-depth': optional(option.integer('How many levels below.', { minimum: 0, maximum: 7 })),
    'delete-source': optional(option.flag('Remove namespaces that have become empty (default true).')),
    'merge-groups': optional(option.flag('Add snapshots to groups of the same name (default true).')),
    ...repositoryOptions,
    ...outputOption,
  },
  complete: { ...completers, 'target-ns': completeNamespace },
  async run(values, terminal) {
    await using target = await openTarget(values, terminal);
    const upid = (await target.connection.call('POST', storePath(target, 'move-namespace'), {
      ns: values.ns,
      'target-ns': values['target-ns'],
      'max-depth': values['max-depth'],
      'delete-source': values['delete-source'],
      'merge-groups': values['merge-groups'],
    })) as string;
    await followTask(target.connection, upid, terminal, outputFormat(values, terminal));
  },
});
