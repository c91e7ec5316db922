// From counters to rates: what was added a second since the last reading.

/** Rates of several counters of one source. */
export class Rates {
  readonly #last = new Map<string, { time: number; counters: Readonly<Record<string, number>> }>();

  /**
   * The growth of each counter a second since the last call for `source`; nothing at the first call, after a counter
   * went back (the device is another one), and when the clock did not go forward. `time` is in seconds.
   */
  of(source: string, time: number, counters: Readonly<Record<string, number>>): Record<string, number> {
    const last = this.#last.get(source);
    this.#last.set(source, { time, counters });
    if (last === undefined || time <= last.time) return {};
    const out: Record<string, number> = {};
    for (const [name, count] of Object.entries(counters)) {
      const before = last.counters[name];
      if (before === undefined) continue;
      if (count < before) return {};
      out[name] = (count - before) / (time - last.time);
    }
    return out;
  }
}
