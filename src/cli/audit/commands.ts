// `granary audit`: the log of changes, read from its files, so that it can be checked while no server runs.

import { GranaryError } from '../../base/errors.ts';
import { defineCommand, defineGroup } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { fieldColumn, outputFormat, outputOption, printJson, printTable } from '../framework/output.ts';
import { completeUser } from '../manager/complete.ts';
import { serverDirectories } from '../manager/local-server.ts';
import { parseTimeOption } from '../time-option.ts';

const list = defineCommand({
  summary: 'List what was changed, by whom and from where, oldest first.',
  options: {
    limit: optional(option.integer('How many at most, the newest; 0 is all.', { minimum: 0, default: 50 })),
    since: optional(option.text('At or after: epoch seconds, or a date.', { valueName: 'time' })),
    until: optional(option.text('At or before.', { valueName: 'time' })),
    user: optional(option.text('Part of the user or API token.')),
    match: optional(option.text('Part of the action or of the object.')),
    ...outputOption,
  },
  complete: { user: completeUser },
  examples: ['--match config/datastore', '--user admin@pbs --since 2026-11-01'],
  async run({ since, until, ...values }, terminal) {
    const { AuditLog } = await import('../../audit/audit-log.ts');
    const { silentLogger } = await import('../../base/log.ts');
    const log = new AuditLog(serverDirectories(terminal), terminal.clock, silentLogger);
    const { data } = log.list({
      limit: values.limit,
      user: values.user,
      match: values.match,
      since: parseTimeOption('since', since),
      until: parseTimeOption('until', until),
    });
    const entries = data.toReversed();
    if (printJson(terminal, outputFormat(values, terminal), entries)) return;
    const columns = ['time', 'user', 'peer', 'action', 'target', 'result'] as const;
    printTable(
      terminal,
      entries,
      columns.map((name) => fieldColumn(name)),
      { sort: false },
    );
  },
});

const verify = defineCommand({
  summary: 'Check that no entry was altered, removed or put in.',
  description:
    'Reads the whole log and follows its chain of hashes. Prints the head, which is the hash of the last entry: noted ' +
    'outside of this machine and given as --head later, it proves that everything up to it is still there.',
  options: { head: optional(option.text('Head of an earlier check.', { pattern: '^[0-9a-f]{64}$' })), ...outputOption },
  async run({ head, ...values }, terminal) {
    const { verifyAuditLog } = await import('../../audit/audit-verify.ts');
    const report = verifyAuditLog(serverDirectories(terminal), head);
    if (!printJson(terminal, outputFormat(values, terminal), report)) {
      terminal.print(`entries: ${report.entries}\nhead: ${report.head.hash}\n`);
      for (const problem of report.problems) terminal.message(problem);
    }
    if (report.problems.length > 0) {
      throw new GranaryError('digest-mismatch', `the audit log is not whole: ${report.problems.length} found`);
    }
    terminal.message('The audit log is whole.');
  },
});

export const auditCommands = defineGroup('What was changed on this server.', { list, verify });
