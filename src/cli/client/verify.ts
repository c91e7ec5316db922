// `verify`: the server checks a snapshot; with a key the client then checks what the server cannot (cli.md 12).

import { GranaryError, messageOf } from '../../base/errors.ts';
import { formatBytes } from '../../base/human.ts';
import { throwIfAborted } from '../../base/streams.ts';
import type { SnapshotReader } from '../../client/snapshot-reader.ts';
import { archiveKind } from '../../model/names.ts';
import { defineCommand } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { outputFormat, outputOption } from '../framework/output.ts';
import type { Terminal } from '../framework/terminal.ts';
import { followTask } from '../task-log.ts';
import { completeSnapshot, targetCompleters } from './complete.ts';
import { keyCompleters } from './key-options.ts';
import { openSnapshot } from './open-snapshot.ts';
import { namespaceOptions, openTarget, repositoryOptions, storePath } from './repository-options.ts';
import { findSnapshot, snapshotArgument, snapshotParameters } from './snapshot-argument.ts';

export const verify = defineCommand({
  summary: 'Let the server verify a snapshot: every chunk, index and blob.',
  description:
    'The server has no keys: of what is encrypted it can check the checksums only. With --keyfile or --keyfd the client ' +
    'then downloads all of that and checks the signature of the manifest, and that each chunk can be decrypted to the ' +
    'content that its digest names.',
  positional: ['snapshot'],
  options: {
    snapshot: snapshotArgument,
    verbose: optional(option.flag('Show the task identifier, and the result once more at the end.')),
    keyfile: optional(option.text('Key file, to decrypt what is encrypted, too.', { valueName: 'path' })),
    keyfd: optional(option.integer('Read that key from this file descriptor.', { minimum: 0 })),
    ...repositoryOptions,
    ...namespaceOptions,
    ...outputOption,
  },
  complete: { ...targetCompleters, ...keyCompleters, snapshot: completeSnapshot },
  examples: [
    'verify vm/100/2026-02-11T10:00:00Z --verbose',
    'verify vm/100/2026-02-11T10:00:00Z --keyfile ~/granary.key',
  ],
  async run(values, terminal) {
    await using target = await openTarget(values, terminal);
    const snapshot = await findSnapshot(target, values.snapshot);
    const upid = (await target.connection.call('POST', storePath(target, 'verify'), {
      ...snapshotParameters(target, snapshot),
      'ignore-verified': false,
    })) as string;
    if (values.verbose) terminal.message(`task ${upid}`);
    await followTask(target.connection, upid, terminal, outputFormat(values, terminal));
    if (values.keyfile !== undefined || values.keyfd !== undefined) {
      await using reader = await openSnapshot(target, snapshot, values, terminal);
      await decryptAll(reader, terminal);
    }
    if (values.verbose) terminal.message(`snapshot ${values.snapshot} is good`);
  },
});

/** Reads all that is encrypted; throws `blob-invalid` when something of it is not what it has to be. */
async function decryptAll(snapshot: SnapshotReader, terminal: Terminal): Promise<void> {
  const encrypted = snapshot.manifest.files.filter((file) => file['crypt-mode'] === 'encrypt');
  if (encrypted.length === 0) terminal.message('nothing of the snapshot is encrypted');
  const failed: string[] = [];
  for (const { filename } of encrypted) {
    throwIfAborted(terminal.signal);
    try {
      const bytes = await decrypt(snapshot, filename, terminal.signal);
      terminal.message(`decrypted ${filename}: ${formatBytes(bytes)}`);
    } catch (error) {
      if (terminal.signal.aborted) throw error;
      terminal.message(`decrypting ${filename} failed: ${messageOf(error)}`);
      failed.push(filename);
    }
  }
  if (failed.length === 0) return;
  throw new GranaryError('blob-invalid', `${failed.length} of ${encrypted.length} encrypted files cannot be decrypted`);
}

/** Reads one file to its end, with every check of a restore; gives the bytes of its content. */
async function decrypt(snapshot: SnapshotReader, filename: string, signal: AbortSignal): Promise<number> {
  if (archiveKind(filename) === 'blob') return (await snapshot.blob(filename)).byteLength;
  const content = await snapshot.reader.open(filename);
  let bytes = 0;
  for await (const piece of content.stream(0, content.size, signal)) bytes += piece.byteLength;
  return bytes;
}
