// The log of the server's programs: lines on standard error, in the form that the journal understands if it reads them.

import { jsonLogger, type Logger, type LogLevel, levelledLogger, logLevels } from '../base/log.ts';
import { logsToJournal } from '../os/service-manager.ts';

/** Logs what is at least as important as PBS_LOG says, by default `info`. */
export function serverLogger(env: Readonly<Record<string, string | undefined>> = process.env): Logger {
  const level: LogLevel = logLevels.find((name) => name === env['PBS_LOG']) ?? 'info';
  return logsToJournal(env) ? levelledLogger(level) : jsonLogger(level);
}
