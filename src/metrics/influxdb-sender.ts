// Sends what is measured to the metric servers of metricserver.cfg (config-and-tasks.md 2). Used by the process that
// measures, which is one of the server's at a time, so that nothing is sent twice.

import dgram from 'node:dgram';
import { lookup } from 'node:dns/promises';
import https from 'node:https';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Directories } from '../config/directories.ts';
import { InfluxDbHttpConfig, InfluxDbUdpConfig } from '../config/metric-server-config.ts';
import type { InfluxDbHttp, InfluxDbUdp } from '../config/metric-server-schema.ts';
import { http } from '../os/node-http.ts';
import { splitHostPort } from './influxdb-probe.ts';
import { batches, formatLines } from './line-protocol.ts';
import type { Sample } from './series.ts';

const answerMs = 10_000;
/** What cannot be sent is kept for half an hour of measurements, then the oldest goes. */
const keptMoments = 180;
/** After a failure, so many moments pass before the next try, twice as many after each further one. */
const longestPause = 30;

/** Sends texts of lines; throws what went wrong. `rejected`: the server took the text for wrong, and always will. */
type Transport = (text: string, signal: AbortSignal) => Promise<'sent' | 'rejected'>;

interface Outlet {
  /** The settings that it was made for. */
  key: string;
  limit: number;
  send: Transport;
  /** Lines of each moment that is not sent yet, oldest first. */
  waiting: string[][];
  sending: Promise<void> | undefined;
  failures: number;
  pause: number;
}

export class InfluxDbSender {
  readonly #udp: InfluxDbUdpConfig;
  readonly #http: InfluxDbHttpConfig;
  readonly #node: string;
  readonly #log: Logger;
  readonly #outlets = new Map<string, Outlet>();
  readonly #stop = new AbortController();

  constructor(directories: Directories, node: string, log: Logger) {
    this.#udp = new InfluxDbUdpConfig(directories);
    this.#http = new InfluxDbHttpConfig(directories);
    this.#node = node;
    this.#log = log;
  }

  /** Sends the samples of a moment (epoch seconds) to every enabled server, and waits for none of them. */
  push(time: number, samples: readonly Sample[]): void {
    if (this.#stop.signal.aborted) return;
    const lines = formatLines(this.#node, time, samples);
    for (const [name, outlet] of this.#configured()) {
      outlet.waiting.push(lines);
      while (outlet.waiting.length > keptMoments) outlet.waiting.shift();
      if (outlet.pause > 0) outlet.pause--;
      else outlet.sending ??= this.#send(name, outlet);
    }
  }

  /** Settles when nothing is on its way any more. */
  async settled(): Promise<void> {
    await Promise.all([...this.#outlets.values()].map((outlet) => outlet.sending));
  }

  /** Gives up what is on its way. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.settled();
  }

  /** The enabled servers, as they are configured now. */
  #configured(): Map<string, Outlet> {
    const wanted = new Map<string, () => Outlet>();
    try {
      for (const server of this.#udp.list().data) {
        if (server.enable !== false) wanted.set(server.name, () => makeOutlet(server, server.mtu ?? 1500, udp(server)));
      }
      for (const server of this.#http.list().data) {
        const limit = server['max-body-size'] ?? 25_000_000;
        if (server.enable !== false) wanted.set(server.name, () => makeOutlet(server, limit, post(server)));
      }
    } catch (error) {
      this.#log('error', 'metric-servers-not-read', { error: messageOf(error) });
      return this.#outlets;
    }
    for (const name of this.#outlets.keys()) if (!wanted.has(name)) this.#outlets.delete(name);
    for (const [name, make] of wanted) {
      const made = make();
      if (this.#outlets.get(name)?.key !== made.key) this.#outlets.set(name, made);
    }
    return this.#outlets;
  }

  async #send(name: string, outlet: Outlet): Promise<void> {
    try {
      while (outlet.waiting.length > 0) {
        const moments = outlet.waiting.slice();
        for (const text of batches(moments.flat(), outlet.limit)) {
          const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(answerMs)]);
          if ((await outlet.send(text, signal)) === 'rejected')
            this.#log('error', 'metrics-rejected', { server: name });
        }
        outlet.waiting = outlet.waiting.filter((moment) => !moments.includes(moment));
      }
      if (outlet.failures > 0) this.#log('info', 'metric-server-answers-again', { server: name });
      outlet.failures = 0;
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      outlet.pause = Math.min(2 ** outlet.failures, longestPause) - 1;
      // One entry for each time that it goes away.
      if (outlet.failures++ === 0) {
        this.#log('error', 'metric-server-does-not-take', { server: name, error: messageOf(error) });
      }
    } finally {
      outlet.sending = undefined;
    }
  }
}

function makeOutlet(server: InfluxDbUdp | InfluxDbHttp, limit: number, send: Transport): Outlet {
  const key = JSON.stringify(server);
  return { key, limit, send, waiting: [], sending: undefined, failures: 0, pause: 0 };
}

/** A datagram for each text; whether it arrives cannot be known. */
function udp({ host }: InfluxDbUdp): Transport {
  return async (text) => {
    const { name, port } = splitHostPort(host);
    const { address, family } = await lookup(name);
    const socket = dgram.createSocket(family === 6 ? 'udp6' : 'udp4');
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.send(text, port, address, (error) => (error ? reject(error) : resolve()));
      });
      return 'sent';
    } finally {
      socket.close();
    }
  };
}

/** Writes through version 2 of the HTTP interface. */
function post(server: InfluxDbHttp): Transport {
  const { token, organization = 'proxmox', bucket = 'proxmox', 'verify-tls': verify = true } = server;
  const query = new URLSearchParams({ org: organization, bucket, precision: 'ns' });
  const url = new URL(`${server.url.replace(/\/+$/, '')}/api/v2/write?${query}`);
  const send = url.protocol === 'https:' ? https.request : http.request;
  return async (text, signal) => {
    const headers = {
      'content-type': 'text/plain; charset=utf-8',
      'content-length': Buffer.byteLength(text),
      ...(token === undefined ? {} : { authorization: `Token ${token}` }),
    };
    const status = await new Promise<number>((resolve, reject) => {
      const call = send(url, { method: 'POST', headers, signal, rejectUnauthorized: verify }, (answer) => {
        answer.resume();
        answer.once('end', () => resolve(answer.statusCode ?? 0));
        answer.once('error', reject);
      });
      call.once('error', reject);
      call.end(text);
    });
    if (status >= 200 && status < 300) return 'sent';
    // Lines that it cannot read, and too many of them, are no better next time.
    if (status === 400 || status === 413 || status === 422) return 'rejected';
    throw new Error(`'${server.url}' answers with status ${status}`);
  };
}
