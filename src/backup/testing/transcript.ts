// Reads test/golden/pbs-3.2.4/wire-transcript.md: what the product's client and server said to each other.

export interface BinaryBody {
  length: number;
  /** The first bytes, at most 16. */
  start: Buffer;
  sha256: string;
}

export type TranscriptBody = { kind: 'empty' } | { kind: 'text'; text: string } | ({ kind: 'binary' } & BinaryBody);

export interface TranscriptMessage {
  headers: Map<string, string>;
  body: TranscriptBody;
}

/** One thing that went over a connection, in the order of the transcript. */
export type TranscriptEvent =
  | ({ kind: 'request'; method: string; path: string; stream: number | undefined } & TranscriptMessage)
  | ({ kind: 'answer'; status: number; stream: number | undefined } & TranscriptMessage)
  | { kind: 'frame'; from: 'client' | 'server'; text: string };

export interface TranscriptSection {
  title: string;
  /** Events of each connection. */
  connections: TranscriptEvent[][];
}

export function parseTranscript(text: string): TranscriptSection[] {
  const sections: TranscriptSection[] = [];
  for (const part of text.split(/^## /m).slice(1)) {
    const title = part.slice(0, part.indexOf('\n'));
    const connections = part
      .split(/^### Connection \d+$/m)
      .slice(1)
      .map((connection) => {
        const block = /```text\n([\s\S]*?)\n```/.exec(connection)![1]!;
        return parseConnection(block.split('\n'));
      });
    sections.push({ title, connections });
  }
  return sections;
}

function parseConnection(lines: readonly string[]): TranscriptEvent[] {
  const events: TranscriptEvent[] = [];
  let current: Exclude<TranscriptEvent, { kind: 'frame' }> | undefined;
  const begin = (event: Exclude<TranscriptEvent, { kind: 'frame' }>): void => {
    current = event;
    events.push(event);
  };
  for (const line of lines) {
    const text = line.slice(2);
    const inStream = /^\[stream (\d+)\] (.*)$/.exec(text);
    const request = /^([A-Z]+) (\/\S*)(?: HTTP\/1\.1)?$/.exec(inStream?.[2] ?? text);
    const stream = inStream ? Number(inStream[1]) : undefined;
    if (line.startsWith('> ') && request) {
      begin({ kind: 'request', method: request[1]!, path: request[2]!, stream, headers: new Map(), body: empty });
    } else if (inStream) {
      const headers = streamHeaders(inStream[2]!);
      begin({ kind: 'answer', status: Number(headers.get(':status')), stream, headers, body: empty });
    } else if (/^HTTP\/1\.1 \d{3} /.test(text)) {
      begin({ kind: 'answer', status: Number(text.slice(9, 12)), stream: undefined, headers: new Map(), body: empty });
    } else if (/^\s*body: /.test(text) && current) {
      current.body = parseBody(text.replace(/^\s*body: /, ''));
    } else if (text.startsWith('  ') && current) {
      for (const [name, value] of streamHeaders(text.trim())) current.headers.set(name, value);
    } else if (/^[a-z-]+: /.test(text) && current) {
      const colon = text.indexOf(': ');
      current.headers.set(text.slice(0, colon), text.slice(colon + 2));
    } else if (text.trim() !== '') {
      events.push({ kind: 'frame', from: line.startsWith('> ') ? 'client' : 'server', text });
    }
  }
  return events;
}

const empty: TranscriptBody = { kind: 'empty' };

/** `:status: 200; content-type: application/json;charset=UTF-8; ...` */
function streamHeaders(text: string): Map<string, string> {
  const headers = new Map<string, string>();
  for (const part of text.split('; ')) {
    const colon = part.indexOf(': ', 1);
    headers.set(part.slice(0, colon), part.slice(colon + 2));
  }
  return headers;
}

function parseBody(text: string): TranscriptBody {
  if (text === '(empty)') return empty;
  const binary = /^\((\d+) bytes binary, first 16: ([0-9a-f]*), sha256 ([0-9a-f]{64})\)$/.exec(text);
  if (!binary) return { kind: 'text', text };
  return { kind: 'binary', length: Number(binary[1]), start: Buffer.from(binary[2]!, 'hex'), sha256: binary[3]! };
}
