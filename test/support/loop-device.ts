// Real block devices for tests: a file system in a sparse file behind a loop device, which can be pulled out; and the
// programs of the system for a machine whose files are in a folder. Only root has them, and not on every machine.

import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setSeal } from '../../src/machine/mount-datastore.ts';
import { FakeMachine, type FakeProgram } from '../../src/machine/testing/fake-machine.ts';
import { native } from '../../src/os/libc.ts';
import { findInstalled } from './installed.ts';
import { scratchFolder } from './scratch.ts';

/** Ends the work of an ext4 file system as the loss of its device does. */
const shutDown = native('int ioctl(int fd, ulong request, void *argument)');
const ext4Shutdown = 0x8004587d;

const bytes = 96 * 1024 * 1024;

/** Whether tests with loop devices can be declared here. */
export function hasLoopDevices(): boolean {
  if (process.getuid?.() !== 0) return false;
  const wanted: readonly (readonly [string, string])[] = [
    ['losetup', 'mount'],
    ['mount', 'mount'],
    ['blkid', 'util-linux'],
    ['mkfs.ext4', 'e2fsprogs'],
  ];
  if (!wanted.every(([program, debianPackage]) => findInstalled(program, debianPackage) !== undefined)) return false;
  try {
    new LoopDevice()[Symbol.dispose]();
    return true;
  } catch (error) {
    console.log(`no loop devices on this machine: ${String(error)}`);
    return false;
  }
}

export class LoopDevice implements Disposable {
  readonly uuid = randomUUID();
  /** Another one after each time that it is plugged in. */
  path: string;
  readonly #folder = scratchFolder('granary-loop-');
  #file = join(this.#folder, 'disk.img');

  /** With an empty file system, or without any. */
  constructor(o: { filesystem?: boolean } = {}) {
    const fd = openSync(this.#file, 'w');
    ftruncateSync(fd, bytes);
    closeSync(fd);
    if (o.filesystem !== false) run('mkfs.ext4', '-q', '-F', '-N', '2000', '-U', this.uuid, this.#file);
    this.path = run('losetup', '--find', '--show', this.#file).trim();
  }

  /** Changes what is on the device while it is not in use. */
  edit(change: (top: string) => void): void {
    const top = join(this.#folder, 'top');
    mkdirSync(top, { recursive: true });
    run('mount', this.path, top);
    try {
      change(top);
    } finally {
      run('umount', top);
    }
  }

  /** What somebody does who pulls a cable: nothing can be read or written any more. */
  pull(): void {
    truncateSync(this.#file, 0);
    run('losetup', '--set-capacity', this.path);
  }

  /** The same, seen from where it is mounted; what was written before is there after the next mount. */
  static fail(mountPoint: string): void {
    const fd = openSync(mountPoint, 'r');
    const withoutLog = Buffer.from([2, 0, 0, 0]);
    try {
      if (shutDown()(fd, ext4Shutdown, withoutLog) !== 0) throw new Error(`cannot shut down '${mountPoint}'`);
    } finally {
      closeSync(fd);
    }
  }

  /** Pulls it out and plugs it in again. */
  replug(): void {
    const before = this.#file;
    const again = `${before}.again`;
    run('cp', '--sparse=always', before, again);
    this.pull();
    spawnSync('losetup', ['--detach', this.path]);
    this.#file = again;
    this.path = run('losetup', '--find', '--show', again).trim();
  }

  [Symbol.dispose](): void {
    spawnSync('losetup', ['--detach', this.path]);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A machine with files in a folder of its own, which mounts for real. What is mounted goes with it. */
export class MountingMachine extends FakeMachine {
  constructor() {
    super({}, Object.fromEntries(['mount', 'umount', 'blkid'].map((name) => [name, real(name)])), '/');
  }

  override [Symbol.dispose](): void {
    const mounts = run('findmnt', '--noheadings', '--list', '--output', 'TARGET').split('\n');
    for (const target of mounts.filter((one) => one.startsWith(`${this.folder}/`)).reverse()) {
      spawnSync('umount', ['--lazy', target]);
    }
    for (const name of datastoreFolders(this.folder)) setSeal(name, false);
    super[Symbol.dispose]();
  }
}

function real(program: string): FakeProgram {
  return (args) => {
    const { status, stdout, stderr } = spawnSync(program, args, {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
    });
    return { code: status ?? -1, stdout, stderr };
  };
}

function datastoreFolders(root: string): string[] {
  const folder = join(root, 'mnt/datastore');
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
}

function run(program: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr || String(error)}`);
  return stdout;
}
