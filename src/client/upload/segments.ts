// The memory that archives are read into: segments of one shared arena, each kept until all chunks in it are stored.
// The arena's size bounds the client's memory; who finds no room waits until something was stored.

import type { ArenaRoom, SharedArena } from '../../base/shared-arena.ts';

/** Room for a piece of an archive; goes back to the arena when nobody holds it any more. */
export class Segment {
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly #room: ArenaRoom;
  readonly #changed: () => void;
  #holders = 1;

  constructor(room: ArenaRoom, length: number, changed: () => void) {
    this.offset = room.offset;
    this.bytes = room.bytes.subarray(0, length);
    this.#room = room;
    this.#changed = changed;
  }

  /** True when nobody but the one who took the segment holds it. */
  get exclusive(): boolean {
    return this.#holders === 1;
  }

  /** Keeps the bytes as they are until the function that it returns is called (again: nothing happens). */
  hold(): () => void {
    this.#holders++;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.release();
    };
  }

  /** What the one who took the segment calls at last. */
  release(): void {
    this.#holders--;
    if (this.#holders === 0) this.#room.release();
    this.#changed();
  }
}

export class SegmentPool {
  readonly arena: SharedArena;
  #taken = 0;
  #waiting: (() => void)[] = [];

  constructor(arena: SharedArena) {
    this.arena = arena;
  }

  /** Segments that somebody holds. */
  get taken(): number {
    return this.#taken;
  }

  tryTake(length: number): Segment | undefined {
    const room = this.arena.tryAcquire(length);
    if (!room) return undefined;
    this.#taken++;
    const counted: ArenaRoom = {
      ...room,
      release: () => {
        this.#taken--;
        room.release();
      },
    };
    return new Segment(counted, length, () => this.wake());
  }

  /** Resolves when a segment or a part of one was given up, or `wake` was called. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
