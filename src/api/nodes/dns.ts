// Name servers of the machine.

import { isIP } from 'node:net';
import { dnsServerKeys } from '../../machine/dns-keys.ts';
import { changeDns, readDns } from '../../machine/resolv-conf.ts';
import { implement } from '../../wire/implement.ts';
import { parameterError } from '../../wire/parameters.ts';
import { readDnsSettings, updateDnsSettings } from './dns.contract.ts';

export const dnsEndpoints = [
  implement(readDnsSettings, async (_parameters, { server }) => await readDns(server.machine)),

  implement(updateDnsSettings, async ({ node: _node, delete: remove, digest, ...given }, { server }) => {
    for (const key of dnsServerKeys) {
      if (given[key] !== undefined && isIP(given[key]) === 0) throw parameterError(key, 'value is not an IP address');
    }
    await changeDns(server.machine, server.directories, given, { remove, digest });
    return null;
  }),
];
