// Structured logs: one object a line on stderr, levels from least to most important.

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

export type Logger = (level: LogLevel, event: string, facts?: Record<string, unknown>) => void;

type Write = (line: string) => void;
const toStderr: Write = (line) => void process.stderr.write(line);

/** Writes each entry of at least `minimum` as one JSON object a line. */
export function jsonLogger(minimum: LogLevel = 'info', write: Write = toStderr): Logger {
  return filtered(minimum, (level, event, facts) =>
    write(`${JSON.stringify({ time: new Date().toISOString(), level, event, ...facts })}\n`),
  );
}

/** The numbers of syslog, which the journal takes from `<N>` at the start of a line (sd-daemon(3)). */
const priorities: Record<LogLevel, number> = { trace: 7, debug: 7, info: 6, warn: 4, error: 3 };

/** As `jsonLogger`, for the journal, which has time and level of its own: `<N>{"event":...}`. */
export function levelledLogger(minimum: LogLevel = 'info', write: Write = toStderr): Logger {
  return filtered(minimum, (level, event, facts) =>
    write(`<${priorities[level]}>${JSON.stringify({ event, ...facts })}\n`),
  );
}

function filtered(minimum: LogLevel, log: (level: LogLevel, event: string, facts: object) => void): Logger {
  const least = logLevels.indexOf(minimum);
  return (level, event, facts = {}) => {
    if (logLevels.indexOf(level) >= least) log(level, event, facts);
  };
}

export const silentLogger: Logger = () => {};
