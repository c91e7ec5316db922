// A throw-away server for trying things: own temporary folder, a user, a datastore, any free port; the browser interface
// is built anew at each change.
// Prints what a client needs; everything is gone when it is interrupted.

import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { jsonLogger } from '../src/base/log.ts';
import { loadIdentity } from '../src/certificates/identity.ts';
import { DatastoreConfig } from '../src/config/datastore-config.ts';
import { type ProxyServer, startProxy } from '../src/daemon/proxy.ts';
import { Datastore } from '../src/datastore/datastore.ts';
import { rootUser } from '../src/model/auth-id.ts';
import { watchWeb } from './build-web.ts';

await watchWeb();
const { values } = parseArgs({
  options: { port: { type: 'string', default: '0' }, verbose: { type: 'boolean', short: 'v', default: false } },
});
const user = 'dev@pbs';
const password = 'development';
const storeName = 'dev';

const home = mkdtempSync(path.join(os.tmpdir(), 'granary-dev-'));
let proxy: ProxyServer | undefined;
async function stop(): Promise<void> {
  await proxy?.stop(0);
  rmSync(home, { recursive: true, force: true });
  process.exit(0);
}
process.once('SIGINT', () => void stop());
process.once('SIGTERM', () => void stop());

proxy = await startProxy({
  home,
  port: Number(values.port),
  host: '127.0.0.1',
  log: jsonLogger(values.verbose ? 'debug' : 'warn'),
  certificateBits: 2048,
});
const { access, directories } = proxy.server;
await access.users.create({ userid: user }, password);
await access.updateAcl(rootUser, { path: '/', role: 'Admin', authId: user });
const base = path.join(home, 'datastore');
await Datastore.create(base);
await new DatastoreConfig(directories).create({ name: storeName, path: base });
const identity = await loadIdentity(directories.config);

console.log(`export PBS_REPOSITORY=${user}@127.0.0.1:${proxy.port}:${storeName}`);
console.log(`export PBS_PASSWORD=${password}`);
console.log(`export PBS_FINGERPRINT=${identity?.fingerprint}`);
console.log(`# https://127.0.0.1:${proxy.port}/`);
console.log(`# folder ${home}; Ctrl-C ends the server and removes it`);
