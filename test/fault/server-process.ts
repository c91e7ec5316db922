// A server in a process of its own that dies with its parent: `server-process.ts HOME`. Tells its port over IPC.

import { silentLogger } from '../../src/base/log.ts';
import { startProxy } from '../../src/daemon/proxy.ts';

process.on('disconnect', () => process.exit(0));
const proxy = await startProxy({
  home: process.argv[2]!,
  port: 0,
  host: '127.0.0.1',
  certificateBits: 2048,
  log: silentLogger,
  delays: { unauthorized: 0, forbidden: 0 },
});
process.send!({ port: proxy.port });
