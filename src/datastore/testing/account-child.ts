// A process of its own for tests: counts the datastore at argv[2], with lock files below argv[3], again and again, and
// prints what it found. Asks in a thread of its own, as servers do.

import { Datastore } from '../datastore.ts';

const [base = '', lockDir = ''] = process.argv.slice(2);
const store = await Datastore.open('fixture', { path: base }, { lockDir });
for (let i = 0; i < 3; i++) {
  const { quality, reason, state } = await store.accounting.account({ waitMs: 30_000 });
  console.log(JSON.stringify({ quality, reason, root: state?.namespaces[0] }));
}
