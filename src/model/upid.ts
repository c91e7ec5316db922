// The task identifier and the escaping of its worker id (config-and-tasks.md 6). Browser-safe.

export interface Upid {
  node: string;
  pid: number;
  pstart: number;
  taskId: number;
  /** Epoch seconds. */
  startTime: number;
  workerType: string;
  /** Unescaped; the empty string is "none". */
  workerId: string;
  authId: string;
}

/** systemd's unit name escaping, per UTF-8 byte: `/` to `-`, `[A-Za-z0-9_.]` stay (a leading `.` does not), the rest `\xNN`. */
export function escapeId(text: string): string {
  let out = '';
  new TextEncoder().encode(text).forEach((byte, index) => {
    const char = String.fromCharCode(byte);
    if (char === '/') out += '-';
    else if (/[A-Za-z0-9_]/.test(char) || (char === '.' && index > 0)) out += char;
    else out += `\\x${byte.toString(16).padStart(2, '0')}`;
  });
  return out;
}

/** Inverse of `escapeId`; undefined when malformed. */
export function unescapeId(text: string): string | undefined {
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (char === '-') bytes.push(0x2f);
    else if (char === '\\') {
      const hex = text.slice(i + 2, i + 4);
      if (text[i + 1] !== 'x' || !/^[0-9a-fA-F]{2}$/.test(hex)) return undefined;
      bytes.push(Number.parseInt(hex, 16));
      i += 3;
    } else bytes.push(char.charCodeAt(0));
  }
  return new TextDecoder().decode(Uint8Array.from(bytes));
}

const hex8 = (n: number): string => n.toString(16).toUpperCase().padStart(8, '0');

export function formatUpid(u: Upid): string {
  return `UPID:${u.node}:${hex8(u.pid)}:${hex8(u.pstart)}:${hex8(u.taskId)}:${hex8(u.startTime)}:${u.workerType}:${escapeId(u.workerId)}:${u.authId}:`;
}

const upidPattern =
  /^UPID:([a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?):([0-9A-Fa-f]{8}):([0-9A-Fa-f]{8,9}):([0-9A-Fa-f]{8,16}):([0-9A-Fa-f]{8}):([^:\s]+):([^:\s]*):([^:\s]+):$/;

/** Parses a UPID; undefined when malformed. */
export function parseUpid(text: string): Upid | undefined {
  const m = upidPattern.exec(text);
  if (!m) return undefined;
  const workerId = unescapeId(m[7]!);
  if (workerId === undefined) return undefined;
  return {
    node: m[1]!,
    pid: Number.parseInt(m[2]!, 16),
    pstart: Number.parseInt(m[3]!, 16),
    taskId: Number.parseInt(m[4]!, 16),
    startTime: Number.parseInt(m[5]!, 16),
    workerType: m[6]!,
    workerId,
    authId: m[8]!,
  };
}
