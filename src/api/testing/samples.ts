// A valid call of every endpoint: values that each parameter of a name accepts, and how to send them. For tests that
// walk all contracts.

import type { EndpointContract } from '../../model/endpoint.ts';
import type { Answer, TestApi } from './api-server.ts';

export interface Property {
  type?: string;
  anyOf?: { const: string }[];
  items?: Property;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
}

/** A value that each parameter of that name accepts. */
export const samples: Record<string, string | number | boolean> = {
  store: 'fixture',
  ns: '',
  'target-ns': 'elsewhere',
  'backup-type': 'host',
  'backup-id': 'plain-host',
  'backup-time': 1700086400,
  'other-time': 1700000000,
  'file-name': 'host.conf.blob',
  filepath: '/',
  selection: 'cm9vdC5weGFyLmRpZHgvZXRj',
  position: 0,
  pattern: 'host*',
  userid: 'admin@pbs',
  username: 'admin@pbs',
  authid: 'admin@pbs',
  vncticket: 'PBSTERM:0:00000000::x',
  privs: 'Sys.Console',
  type: 'recovery',
  password: 'secret-1',
  'token-name': 'token1',
  'new-owner': 'admin@pbs',
  path: '/',
  role: 'Audit',
  name: 'sample',
  notes: 'text',
  protected: true,
  node: 'localhost',
  id: 'sample',
  schedule: 'daily',
  timeframe: 'hour',
  cf: 'AVERAGE',
  command: 'reboot',
  certificates: 'PEM',
  service: 'cron',
  disk: 'sda',
  devices: 'sdb,sdc',
  raidlevel: 'mirror',
  index: 0,
  handle: 'none',
  iface: 'eth0',
  timezone: 'Europe/Vienna',
  key: 'pbsc-0000000000',
  remote: 'offsite',
  'remote-store': 'store2',
  host: 'localhost',
  'auth-id': 'sync@pbs',
  network: '10.0.0.0/8',
  contact: 'admin@example.com',
  api: 'hook',
  'from-address': 'backup@example.com',
  server: 'http://localhost',
  token: 'token',
  url: 'http://localhost',
  method: 'post',
  data: 'S0VZPXZhbHVl',
  realm: 'corp',
  server1: '127.0.0.1',
  'base-dn': 'dc=example,dc=com',
  'user-attr': 'uid',
  'issuer-url': 'https://127.0.0.1/issuer',
  'client-id': 'backup',
  'redirect-url': 'https://127.0.0.1:8007',
  state: 'no-such-state',
  code: 'no-such-code',
  endpoint: 's3.example.com',
  'access-key': 'key-1',
  'secret-key': 'secret-1',
  's3-endpoint-id': 'sample',
  bucket: 'backups',
  upid: 'UPID:testnode:00000001:00000001:00000001:6B03A79F:backup:fixture:admin@pbs:',
};

export const nameOf = (contract: EndpointContract): string => `${contract.method} ${contract.path}`;
export const propertiesOf = (contract: EndpointContract): [string, Property][] =>
  Object.entries((contract.parameters as { properties: Record<string, Property> }).properties);
export const requiredOf = (contract: EndpointContract): string[] =>
  (contract.parameters as { required?: string[] }).required ?? [];
export const isInPath = (contract: EndpointContract, name: string): boolean => contract.path.includes(`{${name}}`);

export type Values = Record<string, string | number | boolean>;

/** The required parameters. */
export function validValues(contract: EndpointContract): Values {
  const properties = Object.fromEntries(propertiesOf(contract));
  return Object.fromEntries(requiredOf(contract).map((name) => [name, sampleOf(name, properties[name]!)]));
}

/** Where a name stands for values of another form too. */
const otherSamples: Record<string, readonly string[]> = { host: ['localhost:8089'], server: ['mail.example.com'] };

/** The sample of that name, or what fits where the name stands for something else. */
function sampleOf(name: string, property: Property): string | number | boolean {
  const choices = property.anyOf?.map((one) => one.const);
  const sample = samples[name]!;
  if (choices) return choices.includes(String(sample)) ? sample : choices[0]!;
  if (property.pattern === undefined || new RegExp(property.pattern).test(String(sample))) return sample;
  return otherSamples[name]?.find((other) => new RegExp(property.pattern!).test(other)) ?? sample;
}

/** Makes the call as a user, or as nobody. */
export function send(api: TestApi, contract: EndpointContract, values: Values, as?: string): Promise<Answer> {
  const path = contract.path.replace(/\{(.+?)\}/g, (_, name: string) => encodeURIComponent(String(values[name])));
  const params = Object.fromEntries(Object.entries(values).filter(([name]) => !isInPath(contract, name)));
  const query = contract.body === 'upload' ? `?${new URLSearchParams(params as Record<string, string>)}` : '';
  return api.call(contract.method, `${path}${query}`, {
    ...(query === '' ? { params } : { raw: Buffer.from('no blob at all') }),
    ...(as === undefined ? {} : { as }),
  });
}
