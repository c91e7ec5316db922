// `pxar create`: an archive file of a directory (cli.md 8).

import { type FileHandle, open, rm } from 'node:fs/promises';
import { GranaryError, messageOf } from '../../base/errors.ts';
import { defineCommand } from '../framework/command.ts';
import { completeFileNames } from '../framework/completion.ts';
import { option, optional } from '../framework/options.ts';
import { kindOptions, path } from './options.ts';

export const create = defineCommand({
  summary: 'Create an archive of a directory.',
  positional: ['archive', 'source'],
  options: {
    archive: path('Archive to write; - is standard output.'),
    source: path('Directory.'),
    exclude: optional(option.list(option.text('Pattern.'), 'Leave out what matches this pattern.')),
    'all-file-systems': optional(option.flag('Also enter other file systems mounted below the directory.')),
    ...kindOptions,
    'entries-max': optional(
      option.integer('Most entries held in memory: those of a directory and its ancestors.', {
        minimum: 0,
        default: 1048576,
      }),
    ),
    'payload-output': optional(path('Write a split archive: file contents go to this file.')),
  },
  complete: { archive: completeFileNames, source: completeFileNames, 'payload-output': completeFileNames },
  examples: ['create home.pxar /home --exclude .cache'],
  async run(values, terminal) {
    const { archiveTree } = await import('../../client/walk.ts');
    const { FileSink } = await import('../../client/file-streams.ts');
    const { parsePattern } = await import('../../pxar/patterns.ts');
    const patterns = (values.exclude ?? []).map((text) => parsePattern(text).pattern);
    await using archive = await NewFile.open(values.archive);
    await using payload = values['payload-output'] ? await NewFile.open(values['payload-output']) : undefined;
    const sink = new FileSink(archive.handle, archive.name);
    const payloadSink = payload && Object.assign(new FileSink(payload.handle, payload.name), { suggest() {} });
    await archiveTree(values.source, {
      archive: sink,
      ...(payloadSink ? { payload: payloadSink } : {}),
      patterns,
      includeDevices: values['all-file-systems'] ? 'all' : new Set<number>(),
      entriesMax: values['entries-max'] ?? 1048576,
      xattrs: !values['no-xattrs'],
      fcaps: !values['no-fcaps'],
      acls: !values['no-acls'],
      deviceNodes: !values['no-device-nodes'],
      fifos: !values['no-fifos'],
      sockets: !values['no-sockets'],
      signal: terminal.signal,
      onWarning: (at, text) => terminal.message(`${Buffer.from(at)}: ${text}`),
    });
    await sink.finish();
    await payloadSink?.finish();
    await archive.keep();
    await payload?.keep();
  },
});

/** A file that must not exist yet, removed again unless it is kept; `-` is standard output. */
class NewFile implements AsyncDisposable {
  readonly handle: FileHandle;
  readonly name: string;
  #kept = false;

  private constructor(handle: FileHandle, name: string) {
    this.handle = handle;
    this.name = name;
  }

  static async open(name: string): Promise<NewFile> {
    try {
      if (name === '-') return new NewFile(await open('/dev/stdout', 'w'), 'standard output');
      return new NewFile(await open(name, 'wx'), `'${name}'`);
    } catch (error) {
      throw new GranaryError('io', `cannot create '${name}': ${messageOf(error)}`, { cause: error });
    }
  }

  async keep(): Promise<void> {
    this.#kept = true;
    await this.handle.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#kept) return;
    await this.handle.close();
    if (this.name !== 'standard output') await rm(this.name.slice(1, -1), { force: true });
  }
}
