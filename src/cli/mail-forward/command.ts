// `proxmox-mail-forward`: takes a mail to root on standard input and makes a notification of it (config-and-tasks.md 8.3).

import { epochSeconds } from '../../base/clock.ts';
import { GranaryError, messageOf } from '../../base/errors.ts';
import { collect } from '../../base/streams.ts';
import { defaultHome, resolveDirectories } from '../../config/directories.ts';
import { defineCommand } from '../framework/command.ts';

/** Mails of programs are short. */
const maxMail = 64 * 1024 * 1024;

export const mailForwardCommand = defineCommand({
  summary: 'Make a notification of a mail.',
  description:
    'Reads a mail from standard input, as a mail server delivers it to a program, and hands it to the notifications of ' +
    'the server on this machine, as an event of type system-mail and severity unknown. A sendmail target gets the mail ' +
    'as it is, every other one its subject and text. Runs as the user of the server (backup) or as root: let ' +
    "/etc/aliases say 'root: backup', and the .forward in the home directory of backup name this program behind a bar. " +
    'Ends with 75 when the notification cannot be kept now, so that the mail server tries again. What the server ' +
    'itself has sent and comes back as a mail is passed over.',
  options: {},
  examples: ['proxmox-mail-forward < mail'],
  async run(_values, terminal) {
    const { mailNotification, readMail } = await import('../../notify/forwarded-mail.ts');
    const { spoolNotification } = await import('../../notify/spool.ts');
    const raw = await collect(terminal.input, maxMail, 'the mail');
    const mail = await readMail(raw);
    if (mail.isOwn) return;
    const directories = resolveDirectories(defaultHome(terminal.env), terminal.env['GRANARY_LAYOUT']);
    try {
      await spoolNotification(directories, terminal.clock, mailNotification(raw, mail, epochSeconds(terminal.clock)));
    } catch (error) {
      throw new GranaryError('try-later', messageOf(error), { cause: error });
    }
  },
});
