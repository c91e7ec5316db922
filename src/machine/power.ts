// Restarting the machine, switching it off.

import { GranaryError } from '../base/errors.ts';
import type { Machine } from './machine.ts';

/** Asks systemd to; throws `bad-request` where there is none. */
export async function controlPower(machine: Machine, command: 'reboot' | 'shutdown'): Promise<void> {
  if (!machine.hasSystemd) {
    throw new GranaryError('bad-request', `cannot ${command} this machine: it is not run by systemd`);
  }
  await machine.run(['systemctl', command === 'reboot' ? 'reboot' : 'poweroff', '--no-wall']);
}
