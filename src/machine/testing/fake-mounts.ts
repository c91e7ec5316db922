// Mounts for a fake machine, without root: a device is a folder, and what is mounted is a symbolic link to it.

import { lstatSync, mkdirSync, realpathSync, rmdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setSeal } from '../mount-datastore.ts';
import type { FakeMachine } from './fake-machine.ts';

/** Gives a machine the programs that mount and find devices; its files of the kernel have to be its own. */
export class FakeMounts {
  readonly #machine: FakeMachine;
  /** Folders by UUID, as if each were the top of a device. */
  readonly #devices = new Map<string, string>();

  constructor(machine: FakeMachine) {
    this.#machine = machine;
    const { programs } = machine;
    programs['blkid'] = (words) => {
      // Of a new file system the one that was plugged in last.
      if (words.includes('-p')) return `${[...this.#devices.keys()].at(-1)}\n`;
      const uuid = words.join(' ').match(/UUID=(\S+)/)?.[1] ?? '';
      const folder = this.#devices.get(uuid);
      return folder === undefined ? { code: 2, stdout: '', stderr: '' } : `${folder}\n`;
    };
    programs['mount'] = (words) => {
      const [from = '', to = ''] = words.slice(words.indexOf('--') + 1);
      this.#link(from, to);
      return '';
    };
    programs['umount'] = (words) => {
      const target = words.at(-1)!;
      rmSync(target);
      mkdirSync(target);
      this.#list();
      return '';
    };
  }

  /** Plugs a device in; its content stays when it was there before. Gives the folder with what is on it. */
  plug(uuid: string, folder = join(this.#machine.folder, 'devices', uuid)): string {
    mkdirSync(folder, { recursive: true });
    this.#devices.set(uuid, folder);
    return folder;
  }

  #link(from: string, to: string): void {
    setSeal(to, false);
    rmdirSync(to);
    symlinkSync(realpathSync(from), to);
    this.#mounted.add(to);
    this.#list();
  }

  readonly #mounted = new Set<string>();

  /** Writes the table of mounts. */
  #list(): void {
    const lines: string[] = [];
    for (const target of this.#mounted) {
      if (!lstatSync(target, { throwIfNoEntry: false })?.isSymbolicLink()) continue;
      const place = realpathSync(target);
      const [uuid, folder] = [...this.#devices].find(([, one]) => place === one || place.startsWith(`${one}/`))!;
      const root = place.slice(folder.length) || '/';
      lines.push(`1 1 0:${uuid.length} ${root} ${target} rw - ext4 ${folder} rw`);
    }
    this.#machine.write('proc/self/mountinfo', `${lines.join('\n')}\n`);
  }
}
