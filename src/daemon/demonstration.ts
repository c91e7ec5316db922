// The first start's proof that everything works: two backups, a restore and a comparison, through the real client
// over TLS.

import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GranaryError } from '../base/errors.ts';
import { formatBytes } from '../base/human.ts';
import { compareTrees } from '../client/compare-trees.ts';

export interface DemonstrationOptions {
  /** The checkout, for the client's launcher. */
  root: string;
  sample: string;
  /** PBS_REPOSITORY, PBS_PASSWORD and PBS_FINGERPRINT. */
  env: Record<string, string>;
  report: (line: string) => void;
  signal: AbortSignal;
}

/** Runs it and reports each step with sizes and speed; throws when anything is not as it should be. */
export async function demonstrate(o: DemonstrationOptions): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'granary-first-start-'));
  try {
    const run = (args: string[]) => runClient(o, work, args);
    const backup = ['backup', `sample.pxar:${o.sample}`, '--backup-id', 'first-start'];
    o.report(`backing up ${o.sample} ...`);
    const first = await run(backup);
    await laterSecond(o.signal);
    const second = await run(backup);
    const restored = join(work, 'restored');
    const restore = await run(['restore', 'host/first-start', 'sample.pxar', restored]);
    const comparison = await compareTrees(o.sample, restored);
    if (comparison.differences.length > 0) {
      const shown = comparison.differences.slice(0, 5).map((d) => `${d.path} (${d.what})`);
      throw new GranaryError('internal', `the restored tree differs from ${o.sample}: ${shown.join(', ')}`);
    }
    const rate = (seconds: number) => `${seconds.toFixed(1)} s, ${formatBytes(comparison.bytes / seconds)}/s`;
    o.report(
      `first backup    ${formatBytes(comparison.bytes)} in ${comparison.entries} files and folders: ${rate(first.seconds)}`,
    );
    o.report(`second backup   ${reusedLine(second.messages)}: ${rate(second.seconds)}`);
    o.report(`restore         everything back and equal, byte for byte: ${rate(restore.seconds)}`);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** What the client said of the second backup of the sample. */
function reusedLine(messages: string): string {
  const line = /^sample\.pxar: had to (?:backup|upload) ([\d.]+ \w+)/m.exec(messages);
  return line ? `${line[1]} of it new, the rest was there` : 'done';
}

/** Backup times are whole seconds: the second backup needs a later one. */
async function laterSecond(signal: AbortSignal): Promise<void> {
  const left = 1000 - (Date.now() % 1000);
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, left + 5);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

async function runClient(
  o: DemonstrationOptions,
  work: string,
  args: string[],
): Promise<{ seconds: number; messages: string }> {
  const runtime = join(work, 'run');
  await mkdir(runtime, { recursive: true, mode: 0o700 });
  const started = performance.now();
  const child = spawn(join(o.root, 'bin', 'proxmox-backup-client'), args, {
    // Nothing of the user's client counts here, and nothing is left behind there.
    env: {
      ...process.env,
      ...o.env,
      ...{ XDG_CONFIG_HOME: work, XDG_CACHE_HOME: work, XDG_RUNTIME_DIR: runtime },
      ...{ PBS_NAMESPACE: '', ALL_PROXY: '' },
    },
    stdio: ['ignore', 'ignore', 'pipe'],
    signal: o.signal,
  });
  let messages = '';
  child.stderr.on('data', (part: Buffer) => {
    messages += part.toString();
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) {
    throw new GranaryError(
      'internal',
      `proxmox-backup-client ${args[0]} ended with ${code}: ${messages.trim().slice(-2000)}`,
    );
  }
  return { seconds: (performance.now() - started) / 1000, messages };
}
