// Traffic control of one server process: holds each connection at the port to the rule of traffic-control.cfg that is
// meant for it (config-and-tasks.md 13). Rules are chosen for each new connection, when its caller is known, and every two
// seconds, so that changes of the file and of the time of day count for open connections too. Without rules that is one
// stat each time.

import type { Socket } from 'node:net';
import { join } from 'node:path';
import { type Clock, epochSeconds } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { parseBytes } from '../base/human.ts';
import type { Logger } from '../base/log.ts';
import type { Directories } from '../config/directories.ts';
import { TrafficControlConfig } from '../config/traffic-control-config.ts';
import type { TrafficRule } from '../config/traffic-control-schema.ts';
import type { AuthId } from '../model/auth-id.ts';
import { rateOf } from './rate-bucket.ts';
import { type Buckets, LimitedConnection } from './rate-limit.ts';
import { bucketFolder, forgetOthers, SharedRule } from './shared-bucket.ts';
import { TrafficRules } from './traffic-rules.ts';

const refreshMs = 2000;

interface Entry {
  connection: LimitedConnection;
  address: string;
  caller: AuthId | undefined;
}

/** A rule that somebody pays to. */
interface Active {
  rule: TrafficRule;
  shared: SharedRule;
  buckets: Buckets;
}

export class TrafficControl {
  readonly #directories: Directories;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #config: TrafficControlConfig;
  readonly #entries = new Map<Socket, Entry>();
  readonly #active = new Map<string, Active>();
  readonly #timer: NodeJS.Timeout;
  #rules = new TrafficRules([]);
  #hasRules = false;
  #digest: string | undefined;
  /** What was logged last, so that it is not repeated every two seconds. */
  #problem: string | undefined;

  constructor(directories: Directories, clock: Clock, log: Logger) {
    this.#directories = directories;
    this.#clock = clock;
    this.#log = log;
    this.#config = new TrafficControlConfig(directories);
    this.#timer = setInterval(() => this.refresh(), refreshMs).unref();
    this.#load();
  }

  /** A connection has been accepted: its TCP socket, and the TLS socket on it, which no HTTP parser reads yet. */
  connected(tcp: Socket, tls: Socket): void {
    const { remoteAddress } = tcp;
    if (remoteAddress === undefined) return;
    const entry: Entry = { connection: new LimitedConnection(tcp, tls), address: remoteAddress, caller: undefined };
    this.#entries.set(tls, entry);
    tcp.once('close', () => this.#entries.delete(tls));
    this.#load();
    if (this.#hasRules) this.#assign(entry);
  }

  /** The caller on a connection is known. */
  identified(tls: Socket, caller: AuthId): void {
    const entry = this.#entries.get(tls);
    if (entry === undefined || entry.caller === caller) return;
    entry.caller = caller;
    if (this.#hasRules) this.#assign(entry);
  }

  /** Looks at the file, and chooses the rules of all connections anew. */
  refresh(): void {
    const had = this.#hasRules;
    this.#load();
    if (had || this.#hasRules) for (const entry of this.#entries.values()) this.#assign(entry);
  }

  /** Stops looking; connections that are still open keep their rules. */
  stop(): void {
    clearInterval(this.#timer);
  }

  /** A file that cannot be read leaves the rules as they are. */
  #load(): void {
    try {
      const { data, digest } = this.#config.list();
      if (digest === this.#digest) return;
      this.#rules = new TrafficRules(data);
      this.#hasRules = data.length > 0;
      this.#digest = digest;
      this.#problem = undefined;
      this.#settle(data);
    } catch (error) {
      this.#complain('traffic-control-not-loaded', error);
    }
  }

  /** Drops what was kept for rules that are no more, or are others now. */
  #settle(rules: readonly TrafficRule[]): void {
    const present = new Map(rules.map((rule) => [rule.name, JSON.stringify(rule)]));
    for (const [name, active] of this.#active) {
      if (present.get(name) === JSON.stringify(active.rule)) continue;
      this.#active.delete(name);
      // Whoever still pays to it opens it again.
      active.shared.close();
    }
    forgetOthers(this.#directories, new Set(present.keys()));
  }

  #assign(entry: Entry): void {
    const rule = this.#rules.choose(entry.address, entry.caller, epochSeconds(this.#clock));
    entry.connection.setBuckets(rule === undefined ? {} : this.#activate(rule).buckets);
  }

  #activate(rule: TrafficRule): Active {
    const known = this.#active.get(rule.name);
    if (known !== undefined) return known;
    const shared = new SharedRule(join(bucketFolder(this.#directories), rule.name), {
      onError: (error) => this.#complain('traffic-not-counted', error),
    });
    const rate = (direction: 'in' | 'out') =>
      rateOf(bytes(rule[`rate-${direction}`]), bytes(rule[`burst-${direction}`]));
    const buckets = { in: shared.bucket('in', rate('in')), out: shared.bucket('out', rate('out')) };
    const active = { rule, shared, buckets };
    this.#active.set(rule.name, active);
    return active;
  }

  #complain(event: string, error: unknown): void {
    const text = messageOf(error);
    if (text === this.#problem) return;
    this.#problem = text;
    this.#log('error', event, { error: text });
  }
}

function bytes(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseBytes(text);
}
