// Structured logs: one object a line on stderr, levels from least to most important.

const levels = ['trace', 'debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof levels)[number];

export type Logger = (level: LogLevel, event: string, facts?: Record<string, unknown>) => void;

/** Writes each entry of at least `minimum` as one JSON object a line. */
export function jsonLogger(
  minimum: LogLevel = 'info',
  write: (line: string) => void = (line) => process.stderr.write(line),
): Logger {
  const least = levels.indexOf(minimum);
  return (level, event, facts = {}) => {
    if (levels.indexOf(level) < least) return;
    write(`${JSON.stringify({ time: new Date().toISOString(), level, event, ...facts })}\n`);
  };
}

export const silentLogger: Logger = () => {};
