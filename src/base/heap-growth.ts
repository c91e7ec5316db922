// How much garbage V8 lets the heap of this process gather. Given on the command line, its flag would make V8 refuse
// the code that Node brings compiled, and compile it anew in each process and thread: it is set while they run.

import { setFlagsFromString } from 'node:v8';

/** By then a command has loaded its modules and started its threads, and its heap is small still. */
const delayMs = 1000;

/**
 * From a second after the start on, the heap may grow by `percent` of what is in use before it is cleared; V8's own limit
 * is several times that. Does not keep the process alive.
 */
export function limitHeapGrowth(percent: number): void {
  const timer = setTimeout(() => {
    setFlagsFromString(`--heap-growing-percent=${percent}`);
    // What Node then writes to the compile cache is to be accepted by the next process.
    process.once('exit', () => setFlagsFromString('--heap-growing-percent=0'));
  }, delayMs);
  timer.unref();
}
