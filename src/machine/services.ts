// Services of the system that matter to a backup server, through systemctl (rest-api.md 7.6 "services"). Where systemd
// does not run the machine, states are unknown and nothing can be started.

import { GranaryError } from '../base/errors.ts';
import type { Machine } from './machine.ts';
import type { ServiceVerb } from './service-verbs.ts';

export interface Service {
  service: string;
  name: string;
  desc: string;
  /** `running`, `dead`, `failed`, ... as systemd's sub-state; `unknown` without systemd. */
  state: string;
  /** `enabled`, `disabled`, `static`, ... */
  'unit-state': string;
}

/** Without these nobody could call anything any more. */
const ownServices = ['proxmox-backup', 'proxmox-backup-proxy'];

const knownServices = [
  'chrony',
  'cron',
  'networking',
  'postfix',
  ...ownServices,
  'rsyslog',
  'ssh',
  'systemd-journald',
  'systemd-timesyncd',
  'zfs-zed',
];

/** Those that are installed; without systemd only this server's own. */
export async function listServices(machine: Machine): Promise<Service[]> {
  if (!machine.hasSystemd) return ownServices.map(unknownService);
  return await query(machine, knownServices);
}

/** Throws `bad-request` for a service that is none of those listed. */
export async function readService(machine: Machine, name: string): Promise<Service> {
  checkKnown(name);
  if (!machine.hasSystemd) return unknownService(name);
  const [service] = await query(machine, [name]);
  if (service === undefined) throw new GranaryError('bad-request', `service '${name}' is not installed`);
  return service;
}

/** Throws before anything is done when the service cannot be controlled. */
export function checkControl(machine: Machine, name: string, verb: ServiceVerb): void {
  checkKnown(name);
  if (!machine.hasSystemd) {
    throw new GranaryError('bad-request', `cannot ${verb} service '${name}': this machine is not run by systemd`);
  }
  if (verb === 'stop' && ownServices.includes(name)) {
    throw new GranaryError(
      'bad-request',
      `service '${name}' is not stopped from here: nobody could start it again; use systemctl on the machine`,
    );
  }
}

/** Lets systemd do it; throws with its words when it fails. */
export async function controlService(machine: Machine, name: string, verb: ServiceVerb): Promise<void> {
  checkControl(machine, name, verb);
  // The server's own end is not waited for: the caller would end with it.
  const wait = ownServices.includes(name) ? ['--no-block'] : [];
  await machine.run(['systemctl', '--no-ask-password', ...wait, verb, `${name}.service`], { timeoutMs: 120_000 });
}

async function query(machine: Machine, names: readonly string[]): Promise<Service[]> {
  const properties = '--property=Id,Description,LoadState,SubState,UnitFileState';
  const { stdout } = await machine.run(['systemctl', 'show', properties, ...names.map((name) => `${name}.service`)]);
  return parseShow(stdout, names);
}

/** Parses `systemctl show` of several units: blocks in the order asked for, parted by blank lines. */
export function parseShow(text: string, names: readonly string[]): Service[] {
  const blocks = text.split(/\n\s*\n/).map(
    (block) =>
      new Map(
        block
          .split('\n')
          .map((line) => /^([A-Za-z]+)=(.*)$/.exec(line))
          .filter((match) => match !== null)
          .map((match) => [match[1]!, match[2]!] as const),
      ),
  );
  const services: Service[] = [];
  names.forEach((service, i) => {
    const unit = blocks[i];
    if (unit === undefined || (unit.get('LoadState') ?? 'not-found') === 'not-found') return;
    services.push({
      service,
      name: (unit.get('Id') ?? service).replace(/\.service$/, ''),
      desc: unit.get('Description') ?? '',
      state: unit.get('SubState') || 'unknown',
      'unit-state': unit.get('UnitFileState') || 'unknown',
    });
  });
  return services;
}

function checkKnown(name: string): void {
  if (!knownServices.includes(name)) throw new GranaryError('bad-request', `no such service '${name}'`);
}

function unknownService(name: string): Service {
  return {
    service: name,
    name,
    desc: 'state is not known: this machine is not run by systemd',
    state: 'unknown',
    'unit-state': 'unknown',
  };
}
