// Options that the pxar commands share (cli.md 8).

import { option, optional } from '../framework/options.ts';

export const path = (description: string) => option.text(description, { valueName: 'path' });

/** What to leave out of an archive, or out of what is extracted. */
export const kindOptions = {
  'no-xattrs': optional(option.flag('Leave out extended attributes.')),
  'no-fcaps': optional(option.flag('Leave out file capabilities.')),
  'no-acls': optional(option.flag('Leave out access control lists.')),
  'no-device-nodes': optional(option.flag('Leave out device nodes.')),
  'no-fifos': optional(option.flag('Leave out fifos.')),
  'no-sockets': optional(option.flag('Leave out sockets.')),
};
