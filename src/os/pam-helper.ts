// Entry of the process that asks PAM: one question as JSON on standard input, the verdict as JSON on standard output.
// Everything here is synchronous, as PAM is.

import { readFileSync } from 'node:fs';
import { cString, libpam, native, nativeCallback } from './libc.ts';
import type { PamQuestion, PamVerdict } from './pam.ts';

const pamStart = native('int pam_start(const void *service, const void *user, const void *conv, void *handle)', libpam);
const pamSetText = native('int pam_set_item(intptr_t handle, int item, const void *text)', libpam);
const pamSetFunction = native('int pam_set_item(intptr_t handle, int item, intptr_t function)', libpam);
const pamAuthenticate = native('int pam_authenticate(intptr_t handle, int flags)', libpam);
const pamAccount = native('int pam_acct_mgmt(intptr_t handle, int flags)', libpam);
const pamStrerror = native('intptr_t pam_strerror(intptr_t handle, int code)', libpam);
const pamEnd = native('int pam_end(intptr_t handle, int status)', libpam);
const readMemory = native('intptr_t memcpy(void *to, intptr_t from, size_t length)');
const writeMemory = native('intptr_t memcpy(intptr_t to, const void *from, size_t length)');
const calloc = native('intptr_t calloc(size_t count, size_t size)');
const strdup = native('intptr_t strdup(const void *text)');
const strnlen = native('size_t strnlen(intptr_t text, size_t most)');

const PAM_SUCCESS = 0;
const PAM_CONV_ERR = 19;
const PAM_RHOST = 4;
const PAM_FAIL_DELAY = 10;
const PAM_SILENT = 0x8000;
const PAM_DISALLOW_NULL_AUTHTOK = 1;
const PAM_PROMPT_ECHO_OFF = 1;
const PAM_ERROR_MSG = 3;
const PAM_TEXT_INFO = 4;

const pointerSize = 8;
/** `struct pam_response { char *resp; int resp_retcode; }` */
const responseSize = 16;

function ask(question: PamQuestion): PamVerdict {
  const password = cString(question.password);
  // struct pam_conv { int (*conv)(int, const struct pam_message **, struct pam_response **, void *); void *data; }
  const conversation = pointers(
    nativeCallback(
      'int granary_pam_conversation(int count, intptr_t messages, intptr_t responses, intptr_t data)',
      (count, messages, responses) => answer(Number(count), BigInt(messages!), BigInt(responses!), password),
    ),
    0n,
  );
  const handleMemory = Buffer.alloc(pointerSize);
  const service = cString(question.service);
  let status = Number(pamStart()(service, cString(question.user), conversation, handleMemory));
  if (status !== PAM_SUCCESS) return { ok: false, reason: `pam_start failed (${status})` };
  const handle = handleMemory.readBigUInt64LE();
  try {
    // Whoever failed waits in the server, which lets all failures take the same time.
    const noDelay = nativeCallback('void granary_pam_delay(int status, uint32_t usec, intptr_t data)', () => undefined);
    pamSetFunction()(handle, PAM_FAIL_DELAY, noDelay);
    pamSetText()(handle, PAM_RHOST, cString(question.remoteHost));
    status = Number(pamAuthenticate()(handle, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK));
    if (status === PAM_SUCCESS) status = Number(pamAccount()(handle, PAM_SILENT));
    return status === PAM_SUCCESS ? { ok: true } : { ok: false, reason: errorText(handle, status) };
  } finally {
    pamEnd()(handle, status);
  }
}

/** Answers what a module asks: the password where it asks for something hidden, nothing to a message. */
function answer(count: number, messages: bigint, responses: bigint, password: Uint8Array): number {
  const styles: number[] = [];
  for (let i = 0; i < count; i++) {
    const message = readPointer(messages + BigInt(i * pointerSize));
    styles.push(bytesAt(message, 4).readInt32LE());
  }
  if (styles.some((style) => ![PAM_PROMPT_ECHO_OFF, PAM_ERROR_MSG, PAM_TEXT_INFO].includes(style))) return PAM_CONV_ERR;
  // PAM frees both the list and the texts in it.
  const list = BigInt(calloc()(count, responseSize));
  if (list === 0n) return PAM_CONV_ERR;
  styles.forEach((style, i) => {
    if (style !== PAM_PROMPT_ECHO_OFF) return;
    writeMemory()(list + BigInt(i * responseSize), pointers(BigInt(strdup()(password))), pointerSize);
  });
  writeMemory()(responses, pointers(list), pointerSize);
  return PAM_SUCCESS;
}

function pointers(...values: bigint[]): Buffer {
  const memory = Buffer.alloc(values.length * pointerSize);
  values.forEach((value, i) => {
    memory.writeBigInt64LE(BigInt.asIntN(64, value), i * pointerSize);
  });
  return memory;
}

function bytesAt(address: bigint, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  readMemory()(bytes, address, length);
  return bytes;
}

function readPointer(address: bigint): bigint {
  return bytesAt(address, pointerSize).readBigInt64LE();
}

function errorText(handle: bigint, status: number): string {
  const text = BigInt(pamStrerror()(handle, status));
  return text === 0n ? `PAM error ${status}` : bytesAt(text, Number(strnlen()(text, 200))).toString();
}

const question = JSON.parse(readFileSync(0, 'utf8')) as PamQuestion;
let verdict: PamVerdict;
try {
  verdict = ask(question);
} catch (error) {
  verdict = { ok: false, reason: error instanceof Error ? error.message : 'failed' };
}
process.stdout.write(JSON.stringify(verdict));
