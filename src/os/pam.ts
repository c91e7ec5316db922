// The passwords of the system's own users: checked through PAM, changed with the system's own tool
// (access-control.md 8, 11).

import { fileURLToPath } from 'node:url';
import { Gate } from '../base/gate.ts';
import { runProgram } from './run-program.ts';

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

/**
 * Whether the system takes the password, and the account may be used. PAM runs in a process of its own: its modules
 * block, change signal handlers and can crash. Rejects only when PAM cannot be asked at all.
 */
export async function askPam(question: PamQuestion): Promise<PamVerdict> {
  const helper = fileURLToPath(new URL('./pam-helper.ts', import.meta.url));
  const flags = process.execArgv.filter((argument) => argument.startsWith('--disable-warning'));
  const input = JSON.stringify(question);
  const { stdout } = await processes.run(() =>
    runProgram([process.execPath, ...flags, helper], { input, timeoutMs: patienceMs }),
  );
  return JSON.parse(stdout) as PamVerdict;
}

/** Sets a system user's password; throws with the tool's own text. */
export async function setSystemPassword(user: string, password: string): Promise<void> {
  if (/[:\n\0]/.test(user) || /[\n\0]/.test(password)) throw new Error('name or password with a control character');
  await runProgram(['chpasswd'], { input: `${user}:${password}\n` });
}
