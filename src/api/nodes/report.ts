// A text about the whole server, to show to whoever helps. Sections that fail say why.

import { epochSeconds, formatLocal } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { formatBytes } from '../../base/human.ts';
import { listDisks } from '../../machine/disks.ts';
import { readHostFacts } from '../../machine/facts.ts';
import { readNetwork } from '../../machine/network.ts';
import { productVersions } from '../../machine/packages.ts';
import { readConfiguration } from '../../machine/report.ts';
import { readTimeZone } from '../../machine/time-zone.ts';
import { listZfsPools } from '../../machine/zfs.ts';
import type { ServerContext } from '../../wire/context.ts';
import { implement } from '../../wire/implement.ts';
import { nodeReport } from './report.contract.ts';

type Section = readonly [title: string, text: (server: ServerContext) => Promise<string>];

const lines = (values: readonly string[]): string => (values.length === 0 ? 'none' : values.join('\n'));

const sections: readonly Section[] = [
  [
    'versions',
    async ({ machine, version }) => {
      const packages = await productVersions(machine, `${version.version}.${version.release}`);
      return lines(packages.map((one) => `${one.Package} ${one.Version} ${one.ExtraInfo ?? ''}`.trimEnd()));
    },
  ],
  [
    'machine',
    async ({ machine }) => {
      const facts = await readHostFacts(machine);
      const { memory, swap, root, cpuinfo } = facts;
      const space = (one: { total: number; used: number }): string =>
        `${formatBytes(one.used)} of ${formatBytes(one.total)}`;
      return lines([
        `kernel: ${facts.kversion}`,
        `boot: ${facts['boot-info'].mode}`,
        `uptime: ${facts.uptime} s`,
        `time zone: ${await readTimeZone(machine)}`,
        `processors: ${cpuinfo.cpus} x ${cpuinfo.model}`,
        `load: ${facts.loadavg.map((load) => load.toFixed(2)).join(' ')}`,
        `memory: ${space(memory)}`,
        `swap: ${space(swap)}`,
        `root file system: ${space(root)}`,
      ]);
    },
  ],
  [
    'datastores',
    async ({ datastores }) => {
      const names = await datastores.names();
      return lines(await Promise.all(names.map((name) => datastoreLine(datastores, name))));
    },
  ],
  [
    'disks',
    async ({ machine }) => {
      const disks = await listDisks(machine, { smart: true, partitions: false });
      return lines(
        disks.map((disk) => {
          const { name, size, used, status, wearout, model } = disk;
          const life = wearout === undefined ? '' : `, ${wearout}% of its life left`;
          return `${name}: ${formatBytes(size)}, ${disk['disk-type']}, ${used}, health ${status}${life}${model ? `, ${model}` : ''}`;
        }),
      );
    },
  ],
  [
    'zfs pools',
    async ({ machine }) => {
      const pools = await listZfsPools(machine);
      return lines(
        pools.map((pool) => `${pool.name}: ${pool.health}, ${formatBytes(pool.alloc)} of ${formatBytes(pool.size)}`),
      );
    },
  ],
  [
    'network',
    async ({ machine }) => {
      const { interfaces, changes } = await readNetwork(machine);
      const listed = interfaces.map((one) => {
        const addresses = [one.cidr, one.cidr6].filter((address) => address !== undefined).join(' ');
        return `${one.name}: ${one.type}, ${one.active ? 'up' : 'down'} ${addresses}`.trimEnd();
      });
      return lines([...listed, ...(changes === undefined ? [] : ['waiting changes:', changes.trimEnd()])]);
    },
  ],
];

async function datastoreLine(datastores: ServerContext['datastores'], name: string): Promise<string> {
  try {
    const { total, used } = await (await datastores.get(name)).status();
    return `${name}: ${formatBytes(used)} of ${formatBytes(total)}`;
  } catch (error) {
    return `${name}: ${messageOf(error)}`;
  }
}

export const reportEndpoints = [
  implement(nodeReport, async (_parameters, { server }) => {
    const parts = [`report of ${server.node}, ${formatLocal(epochSeconds(server.clock))}`];
    for (const [title, text] of sections) {
      const body = await text(server).catch((error: unknown) => `not known: ${messageOf(error)}`);
      parts.push(`==== ${title} ====\n${body}`);
    }
    for (const { file, text } of await readConfiguration(server.machine, server.directories)) {
      parts.push(`==== ${file} ====\n${text.trimEnd() || '(empty)'}`);
    }
    return `${parts.join('\n\n')}\n`;
  }),
];
