// Commands that show the server's certificate and versions (cli.md 5).

import { readFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { GranaryError, messageOf } from '../../base/errors.ts';
import { serverVersion } from '../../daemon/version.ts';
import { defineCommand } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { outputFormat, outputOption, printJson } from '../framework/output.ts';
import { renderTable } from '../framework/table.ts';
import { openLocalServer, serverDirectories } from './local-server.ts';

export const certInfo = defineCommand({
  summary: "Show the server's certificate.",
  options: {},
  async run(_values, terminal) {
    const { certificateFiles, describeCertificate } = await import('../../wire/tls.ts');
    const file = certificateFiles(serverDirectories(terminal).config).certificate;
    let pem: string;
    try {
      pem = await readFile(file, 'utf8');
    } catch (error) {
      throw new GranaryError('io', `cannot read the certificate: ${messageOf(error)}`, {
        details: { hint: 'The server makes it when it is started for the first time.' },
      });
    }
    const info = describeCertificate('proxy.pem', pem);
    const lines = [
      `Subject: ${info.subject}`,
      ...info.san.map((name) => `    ${alternativeName(name)}`),
      `Issuer: ${info.issuer}`,
      'Validity:',
      `    Not Before: ${certificateTime(info.notbefore)}`,
      `    Not After : ${certificateTime(info.notafter)}`,
      `Fingerprint (sha256): ${info.fingerprint}`,
      `Public key type: ${info['public-key-type']}`,
      ...(info['public-key-bits'] === undefined ? [] : [`Public key bits: ${info['public-key-bits']}`]),
    ];
    terminal.print(`${lines.join('\n')}\n`);
  },
});

/** `DNS:name` as it is, addresses as their bytes: `IP:[127, 0, 0, 1]`. */
function alternativeName(name: string): string {
  const address = /^IP Address:(.*)$/.exec(name)?.[1];
  return address === undefined ? name : `IP:[${addressBytes(address).join(', ')}]`;
}

function addressBytes(address: string): number[] {
  if (isIPv4(address)) return address.split('.').map(Number);
  const [head = '', tail] = address.split('::');
  const groups = (text: string | undefined): number[] =>
    text ? text.split(':').map((g) => Number.parseInt(g, 16)) : [];
  const [front, back] = [groups(head), groups(tail)];
  const middle = tail === undefined ? [] : new Array<number>(8 - front.length - back.length).fill(0);
  return [...front, ...middle, ...back].flatMap((group) => [group >> 8, group & 255]);
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Nov 23 02:35:42 2026 GMT` */
function certificateTime(epoch: number): string {
  const date = new Date(epoch * 1000);
  const day = String(date.getUTCDate()).padStart(2, ' ');
  return `${months[date.getUTCMonth()]} ${day} ${date.toISOString().slice(11, 19)} ${date.getUTCFullYear()} GMT`;
}

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
      const { node, openssl, zstd, v8 } = process.versions;
      for (const [name, version] of Object.entries({ node, openssl, v8, zstd })) {
        packages.push({ Package: name, Version: version ?? 'unknown', ExtraInfo: '' });
      }
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
