// Downloads that the page makes itself: bytes from a call or decrypted here, with progress and a way to cancel. What has
// come is handed to the browser piece by piece, which keeps it out of the page's memory.

import { useSyncExternalStore } from 'react';

export interface SavedFile {
  name: string;
  /** Bytes, where they are known before. */
  size?: number | undefined;
  body: AsyncIterable<Uint8Array>;
}

export interface Download {
  id: number;
  name: string;
  size: number | undefined;
  received: number;
  state: 'running' | 'done' | 'failed' | 'cancelled';
  error?: string;
  cancel(): void;
}

const pieceSize = 8 * 1024 * 1024;
/** Between two looks at the progress, milliseconds. */
const tellEvery = 150;

let downloads: readonly Download[] = [];
let lastId = 0;
const listeners = new Set<() => void>();

function change(id: number, facts: Partial<Download>): void {
  downloads = downloads.map((one) => (one.id === id ? { ...one, ...facts } : one));
  for (const listener of listeners) listener();
}

/** All downloads since the page was opened, followed. They go on when another view is shown. */
export function useDownloads(): readonly Download[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => downloads,
  );
}

/** Takes those that have ended off the list. */
export function clearDownloads(): void {
  downloads = downloads.filter(({ state }) => state === 'running');
  for (const listener of listeners) listener();
}

/** Starts a download; what becomes of it is in the list. */
export function startDownload(name: string, open: (signal: AbortSignal) => Promise<SavedFile>): void {
  const id = ++lastId;
  const abort = new AbortController();
  downloads = [...downloads, { id, name, size: undefined, received: 0, state: 'running', cancel: () => abort.abort() }];
  change(id, {});
  void run(id, open, abort.signal).catch((error: Error) => {
    if (abort.signal.aborted) change(id, { state: 'cancelled' });
    else change(id, { state: 'failed', error: error.message });
  });
}

async function run(id: number, open: (signal: AbortSignal) => Promise<SavedFile>, signal: AbortSignal): Promise<void> {
  const { name, size, body } = await open(signal);
  change(id, { name, size });
  const pieces: Blob[] = [];
  let parts: Uint8Array<ArrayBuffer>[] = [];
  let [held, received, told] = [0, 0, 0];
  for await (const part of body) {
    signal.throwIfAborted();
    parts.push(part.slice());
    held += part.byteLength;
    received += part.byteLength;
    if (held >= pieceSize) {
      pieces.push(new Blob(parts));
      [parts, held] = [[], 0];
    }
    if (Date.now() - told < tellEvery) continue;
    told = Date.now();
    change(id, { received });
  }
  signal.throwIfAborted();
  if (size !== undefined && received !== size) throw new Error(`${name}: ${received} of ${size} bytes came`);
  saveBlob(name, new Blob([...pieces, ...parts], { type: 'application/octet-stream' }));
  change(id, { received, state: 'done' });
}

/** Gives the browser a file to keep. */
export function saveBlob(name: string, blob: Blob): void {
  const address = URL.createObjectURL(blob);
  saveFrom(address, name);
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** Lets the browser itself fetch and keep what is at an address of the server. */
export function saveFrom(address: string, name: string): void {
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
}

/** The body of an answer, piece by piece. */
export async function* bodyOf(response: Response): AsyncGenerator<Uint8Array> {
  const reader = response.body!.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
