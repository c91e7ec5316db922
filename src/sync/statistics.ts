// What a run has moved and removed, and the lines that sum it up (sync.md 12).

import { formatBytes } from '../base/human.ts';

export interface Removed {
  snapshots: number;
  groups: number;
  namespaces: number;
}

export class SyncStatistics {
  chunks = 0;
  bytes = 0;
  readonly removed: Removed = { snapshots: 0, groups: 0, namespaces: 0 };

  /** Counts encoded chunks that went over. */
  add(chunks: number, bytes: number): void {
    this.chunks += chunks;
    this.bytes += bytes;
  }

  /** `milliseconds` is how long the run took. */
  summary(direction: 'pull' | 'push', milliseconds: number, removeVanished: boolean): string[] {
    const done = direction === 'pull' ? 'pulled' : 'pushed';
    const lines = [
      this.chunks === 0
        ? `Summary: sync job found no new data to ${direction}`
        : `Summary: sync job ${done} ${formatBytes(this.bytes)} in ${this.chunks} chunks ` +
          `(average rate: ${formatRate(this.bytes, milliseconds)})`,
    ];
    const { snapshots, groups, namespaces } = this.removed;
    if (removeVanished || snapshots + groups + namespaces > 0) {
      lines.push(`Summary: removed vanished: snapshots: ${snapshots}, groups: ${groups}, namespaces: ${namespaces}`);
    }
    return lines;
  }
}

/** `12.5 MiB/s` */
export function formatRate(bytes: number, milliseconds: number): string {
  return `${formatBytes((bytes * 1000) / Math.max(1, milliseconds))}/s`;
}
