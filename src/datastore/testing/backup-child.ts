// A process of its own for tests: writes the snapshot host/a/200, with worker threads, to the datastore at argv[2]
// with lock files below argv[3]. GRANARY_FAILPOINTS lets it die on the way.

import { Datastore } from '../datastore.ts';
import { host, writeBackup } from './temporary-store.ts';

const [base = '', lockDir = ''] = process.argv.slice(2);
const store = await Datastore.open('fixture', { path: base }, { lockDir });
await writeBackup(store, host('a', 200));
