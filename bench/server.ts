// The server of the benchmarks: as many processes as in use, an administrator and an empty datastore below --home.
// Prints what a client needs as `export` lines once it serves.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { AccessControl } from '../src/access/access-control.ts';
import { systemClock } from '../src/base/clock.ts';
import { jsonLogger } from '../src/base/log.ts';
import { loadIdentity } from '../src/certificates/identity.ts';
import { DatastoreConfig } from '../src/config/datastore-config.ts';
import { prepareServer } from '../src/daemon/prepare.ts';
import { superviseServer } from '../src/daemon/supervisor.ts';
import { Datastore } from '../src/datastore/datastore.ts';
import { rootUser } from '../src/model/auth-id.ts';

const { values } = parseArgs({
  options: {
    home: { type: 'string' },
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '0' },
    lean: { type: 'boolean', default: false },
  },
});
const home = values.home;
if (home === undefined) throw new Error('usage: bench/server.ts --home DIR [--host ADDRESS] [--port N] [--lean]');
const user = 'bench@pbs';
const password = 'benchmark';

const directories = await prepareServer(home, systemClock, { bits: 2048 });
const access = await AccessControl.open(directories, systemClock);
if (!access.users.exists(user)) {
  await access.users.create({ userid: user }, password);
  await access.updateAcl(rootUser, { path: '/', role: 'Admin', authId: user });
  // A lean datastore makes its 65,536 directories when they are needed.
  if (values.lean) await mkdir(join(home, 'store', '.chunks'), { recursive: true });
  else await Datastore.create(join(home, 'store'));
  await new DatastoreConfig(directories).create({ name: 'bench', path: join(home, 'store') });
}
const server = await superviseServer({
  home,
  port: Number(values.port),
  host: values.host,
  graceMs: 100,
  log: jsonLogger('warn'),
});
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => void server.stop().then(() => process.exit(0)));
console.log(`export PBS_REPOSITORY='${user}@${values.host}:${server.port}:bench'`);
console.log(`export PBS_PASSWORD='${password}'`);
console.log(`export PBS_FINGERPRINT='${(await loadIdentity(directories.config))?.fingerprint}'`);
