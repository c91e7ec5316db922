// Commands that are about the server or the login: status, garbage-collect, version, server-identity, login, logout (cli.md 4, 12).

import { logout as forgetTicket } from '../../client/connection.ts';
import { serverVersion } from '../../daemon/version.ts';
import { defineCommand } from '../framework/command.ts';
import { outputFormat, outputOption, printJson, tableStyle } from '../framework/output.ts';
import { renderTable } from '../framework/table.ts';
import { followTask } from '../task-log.ts';
import { repositoryCompleters } from './complete.ts';
import { findRepository, openTarget, repositoryOptions, storePath } from './repository-options.ts';

export const status = defineCommand({
  summary: 'Show how full the datastore is.',
  options: { ...repositoryOptions, ...outputOption },
  complete: repositoryCompleters,
  async run(values, terminal) {
    await using target = await openTarget(values, terminal);
    const data = (await target.connection.call('GET', storePath(target, 'status'))) as {
      total: number;
      used: number;
      avail: number;
    };
    if (printJson(terminal, outputFormat(values, terminal), data)) return;
    const rows = (['total', 'used', 'avail'] as const).map((name) => {
      const percent = data.total > 0 ? Math.floor((data[name] * 100) / data.total) : 0;
      return [{ text: name }, { text: `${data[name]}${`(${percent} %)`.padStart(9)}`, right: true }];
    });
    terminal.print(renderTable(undefined, rows, tableStyle(terminal)));
  },
});

export const garbageCollect = defineCommand({
  summary: 'Remove chunks that no snapshot needs.',
  options: { ...repositoryOptions, ...outputOption },
  complete: repositoryCompleters,
  async run(values, terminal) {
    await using target = await openTarget(values, terminal);
    const upid = (await target.connection.call('POST', storePath(target, 'gc'))) as string;
    await followTask(target.connection, upid, terminal, outputFormat(values, terminal));
  },
});

interface Version {
  version: string;
  release: string;
  repoid: string;
}

export const version = defineCommand({
  summary: 'Show the versions of client and server.',
  options: { ...repositoryOptions, ...outputOption },
  complete: repositoryCompleters,
  async run(values, terminal) {
    const format = outputFormat(values, terminal);
    const text = ({ version: v, release }: Version): string => `${v}.${release}`;
    if (format === 'text') terminal.print(`client version: ${text(serverVersion)}\n`);
    await using target = await openTarget(values, terminal);
    const server = (await target.connection.call('GET', 'version')) as Version;
    if (printJson(terminal, format, { client: serverVersion, server })) return;
    terminal.print(`server version: ${text(server)}\n`);
  },
});

export const serverIdentity = defineCommand({
  summary: "Show the server's identity, the same for all its names.",
  options: { ...repositoryOptions, ...outputOption },
  complete: repositoryCompleters,
  async run(values, terminal) {
    await using target = await openTarget(values, terminal);
    const identity = await target.connection.call('GET', 'nodes/localhost/identity');
    if (printJson(terminal, outputFormat(values, terminal), identity)) return;
    terminal.print(`${JSON.stringify(identity)}\n`);
  },
});

export const login = defineCommand({
  summary: 'Log in and keep the ticket for later commands.',
  options: repositoryOptions,
  complete: repositoryCompleters,
  async run(values, terminal) {
    await using target = await openTarget(values, terminal);
    await target.connection.login();
  },
});

export const logout = defineCommand({
  summary: 'Forget the kept ticket.',
  options: repositoryOptions,
  complete: repositoryCompleters,
  async run(values, terminal) {
    await forgetTicket(await findRepository(values, terminal), terminal.env, terminal.clock);
  },
});
