// How long it takes over a line to name the chunks of an archive that the server has already, in a dynamic index, which
// takes them in their order only, and in a fixed one. Prints both, in seconds.
// Usage: scripts/node.sh test/netem/known.ts CHUNKS, with the environment of a client.

import { IndexWriter } from '../../src/backup/index-writer.ts';
import { BackupWriter } from '../../src/backup/writer.ts';
import { plainChunk } from '../../src/chunk-store/testing/chunks.ts';
import { Connection } from '../../src/client/connection.ts';
import { parseRepository } from '../../src/client/repository.ts';

const chunkSize = 4 * 1024 * 1024;
const count = Number(process.argv[2]);
const env = process.env as Record<string, string>;
const { store, ...repository } = parseRepository(env['PBS_REPOSITORY']!);
const connection = await Connection.open({ repository, env });
const chunk = plainChunk(new Uint8Array(chunkSize));
const seconds: string[] = [];
for (const kind of ['dynamic', 'fixed'] as const) {
  const group = { 'backup-type': 'vm', 'backup-id': `known-${kind}` };
  const session = await connection.openSession('backup', {
    store,
    ...group,
    'backup-time': Math.floor(Date.now() / 1000),
  });
  const writer = new BackupWriter(session);
  const index =
    kind === 'fixed'
      ? await writer.createFixedIndex('disk.img.fidx', { size: count * chunkSize })
      : await writer.createDynamicIndex('root.pxar.didx');
  await writer.uploadChunk(index, { digest: chunk.digest, size: chunkSize, body: [chunk.blob] });
  const start = performance.now();
  const entries = new IndexWriter(writer, index);
  for (let i = 0; i < count; i++) entries.addKnown(chunkSize, chunk.digest);
  await writer.closeIndex(index, await entries.finish());
  seconds.push(((performance.now() - start) / 1000).toFixed(2));
  // Nothing of it is to stay.
  await session.close();
}
connection.close();
console.log(seconds.join(' '));
