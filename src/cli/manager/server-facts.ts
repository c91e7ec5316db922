// Commands that tell of the server: its versions, and a report of everything (cli.md 5).

import os from 'node:os';
import { serverVersion } from '../../daemon/version.ts';
import { defineCommand } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { outputFormat, outputOption, printJson } from '../framework/output.ts';
import { renderTable } from '../framework/table.ts';
import { openLocalServer } from './local-server.ts';

interface PackageVersion {
  Package: string;
  Version: string;
  ExtraInfo: string;
}

export const versions = defineCommand({
  summary: 'Show the versions of the server and, with --verbose, of what it is made of.',
  options: { verbose: optional(option.flag('Also runtime and libraries.')), ...outputOption },
  async run(values, terminal) {
    const installed = `${serverVersion.version}.${serverVersion.release}`;
    const packages: PackageVersion[] = [
      { Package: 'proxmox-backup-server', Version: `${installed}-1`, ExtraInfo: await runningVersion() },
    ];
    if (values.verbose) {
      const { runtimeVersions } = await import('../../machine/packages.ts');
      for (const [name, version] of Object.entries(runtimeVersions())) {
        packages.push({ Package: name, Version: version, ExtraInfo: '' });
      }
      packages.push({ Package: 'kernel', Version: os.release(), ExtraInfo: '' });
    }
    if (printJson(terminal, outputFormat(values, terminal), packages)) return;
    const rows = packages.map((p) => [{ text: p.Package }, { text: p.Version }, { text: p.ExtraInfo }]);
    terminal.print(renderTable(undefined, rows, { utf8: terminal.utf8, noBorder: true, noHeader: true }));

    async function runningVersion(): Promise<string> {
      try {
        await using server = await openLocalServer(terminal);
        const running = (await server.call('GET', 'version')) as { version: string; release: string };
        return `running version: ${running.version}.${running.release}`;
      } catch {
        return 'not running';
      }
    }
  },
});

export const report = defineCommand({
  summary: 'Print a text about the whole server, without secrets, to show to whoever helps.',
  options: {},
  async run(_values, terminal) {
    await using server = await openLocalServer(terminal);
    terminal.print((await server.call('GET', 'nodes/localhost/report')) as string);
  },
});
