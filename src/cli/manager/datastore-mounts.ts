// Commands that mount and unmount removable datastores (cli.md 5). `uuid-mount` is what a machine calls when a device is
// plugged in, so a device without datastores is no failure.

import { defineCommand } from '../framework/command.ts';
import { option } from '../framework/options.ts';
import { type OutputFormat, outputFormat, outputOption } from '../framework/output.ts';
import type { Terminal } from '../framework/terminal.ts';
import { followTask } from '../task-log.ts';
import { completeDatastore } from './complete.ts';
import { openLocalServer } from './local-server.ts';

interface ListedStore {
  store: string;
  'mount-status': string;
}

const store = option.text('Datastore.', { minLength: 3, maxLength: 32 });
const complete = { store: completeDatastore };

const mount = defineCommand({
  summary: 'Mount a removable datastore.',
  positional: ['store'],
  options: { store, ...outputOption },
  complete,
  run: (values, terminal) => callAndFollow('mount', values, terminal),
});

const unmount = defineCommand({
  summary: 'Unmount a removable datastore once nothing uses it any more, so that its device can be taken away.',
  positional: ['store'],
  options: { store, ...outputOption },
  complete,
  run: (values, terminal) => callAndFollow('unmount', values, terminal),
});

async function callAndFollow(
  verb: 'mount' | 'unmount',
  values: { store: string; 'output-format'?: OutputFormat | undefined },
  terminal: Terminal,
): Promise<void> {
  await using server = await openLocalServer(terminal);
  const upid = (await server.call('POST', `admin/datastore/${encodeURIComponent(values.store)}/${verb}`)) as string;
  await followTask(server, upid, terminal, outputFormat(values, terminal));
}

const uuidMount = defineCommand({
  summary: 'Mount every datastore on the device with a file system of this UUID.',
  positional: ['uuid'],
  options: { uuid: option.text('UUID of the file system.', { maxLength: 64 }) },
  async run({ uuid }, terminal) {
    await using server = await openLocalServer(terminal);
    const configured = (await server.call('GET', 'config/datastore')) as { name: string; 'backing-device'?: string }[];
    const known = (await server.call('GET', 'admin/datastore')) as ListedStore[];
    const here = configured.filter((one) => one['backing-device'] === uuid).map(({ name }) => name);
    if (here.length === 0) return terminal.message(`no datastore is on device '${uuid}'`);
    let failure: unknown;
    for (const name of here) {
      if (known.some((one) => one.store === name && one['mount-status'] === 'mounted')) {
        terminal.message(`datastore '${name}' is already mounted`);
        continue;
      }
      try {
        await callAndFollow('mount', { store: name, 'output-format': 'text' }, terminal);
      } catch (error) {
        // One that cannot be mounted does not keep the others from it.
        if (failure !== undefined && error instanceof Error) terminal.message(error.message);
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
  },
});

export const mounts = { mount, unmount, 'uuid-mount': uuidMount };
