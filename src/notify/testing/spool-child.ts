// A process that spools or sends and can be killed at a failpoint: `spool-child.ts HOME spool|send FILE`. What is sent
// is appended to FILE, `TARGET DATASTORE` a line.

import { appendFileSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/log.ts';
import { resolveDirectories } from '../../config/directories.ts';
import { spoolNotification } from '../spool.ts';
import { SpoolWorker } from '../spool-worker.ts';

const [home = '', what, file = ''] = process.argv.slice(2);
const directories = resolveDirectories(home, '');
if (what === 'spool') {
  await spoolNotification(directories, systemClock, {
    severity: 'error',
    timestamp: 1_700_000_000,
    fields: { type: 'gc', datastore: 'ds1' },
    template: 'gc-err',
    data: { datastore: 'ds1', error: 'x' },
  });
} else {
  const worker = new SpoolWorker({
    directories,
    clock: systemClock,
    log: silentLogger,
    outlet: async () => ({
      choose: () => ['one', 'two', 'three'],
      send: async (target, { fields }) => {
        appendFileSync(file, `${target} ${fields['datastore']}\n`);
        return true;
      },
    }),
  });
  await worker.turn();
  await worker.stop();
}
