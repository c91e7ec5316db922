// The passwords of the system's own users: checked through PAM, changed with the system's own tool
// (access-control.md 8, 11).

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Gate } from '../base/gate.ts';

export interface PamQuestion {
  /** Name of the file below /etc/pam.d; PAM itself takes `other` when there is none. */
  service: string;
  user: string;
  password: string;
  /** Address of whoever asks, for PAM modules that look at it. */
  remoteHost: string;
}

/** What a process that asked PAM says; `reason` is PAM's own text, of no interest to a stranger. */
export type PamVerdict = { ok: true } | { ok: false; reason: string };

/** Modules may sleep, fork and hang: that many processes at most wait for them, and none for ever. */
const processes = new Gate(4);
const patienceMs = 60_000;
/** Nothing of the server's own environment reaches the modules. */
const environment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C' };

/**
 * Whether the system takes the password, and the account may be used. PAM runs in a process of its own: its modules
 * block, change signal handlers and can crash. Rejects only when PAM cannot be asked at all.
 */
export async function askPam(question: PamQuestion): Promise<PamVerdict> {
  const helper = fileURLToPath(new URL('./pam-helper.ts', import.meta.url));
  const flags = process.execArgv.filter((argument) => argument.startsWith('--disable-warning'));
  const { code, out } = await processes.run(() =>
    runWithInput(process.execPath, [...flags, helper], JSON.stringify(question)),
  );
  const verdict = code === 0 ? parseVerdict(out) : undefined;
  if (!verdict) throw new Error(`the process that asks PAM ended without an answer (${code ?? 'killed'})`);
  return verdict;
}

/** Sets a system user's password; throws with the tool's own text. */
export async function setSystemPassword(user: string, password: string): Promise<void> {
  if (/[:\n\0]/.test(user) || /[\n\0]/.test(password)) throw new Error('name or password with a control character');
  const { code, err } = await runWithInput('chpasswd', [], `${user}:${password}\n`);
  if (code !== 0) throw new Error(err.trim().replaceAll('\n', ' ') || `chpasswd ended with ${code ?? 'a signal'}`);
}

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

/** Runs a program to its end; what it reads is not to be seen in a process list. */
function runWithInput(program: string, args: readonly string[], input: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: environment, timeout: patienceMs, killSignal: 'SIGKILL' });
    let [out, err] = ['', ''];
    child.stdout.on('data', (part: Buffer) => {
      out += part.toString();
    });
    child.stderr.on('data', (part: Buffer) => {
      err += part.toString();
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out, err }));
    // A program that ends before it has read everything shows in its exit code.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

function parseVerdict(text: string): PamVerdict | undefined {
  try {
    return JSON.parse(text) as PamVerdict;
  } catch {
    return undefined;
  }
}
