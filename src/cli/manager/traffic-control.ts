// Commands about rules of traffic control (cli.md 5).

import { option, optional } from '../framework/options.ts';
import { completeUser } from './complete.ts';
import { objectCommands } from './config-object.ts';
import { rateOptions } from './rates.ts';

const optionalFields = {
  ...rateOptions,
  comment: optional(option.text('A line about it.', { maxLength: 128 })),
  timeframe: optional(
    option.list(option.text('Daily duration.'), 'When it holds, like "mon..fri 8-17:30"; always when absent.'),
  ),
  users: optional(option.list(option.text('User.', { format: 'auth-id' }), 'Users it holds for; all when absent.')),
};

export const trafficRules = objectCommands({
  what: ['rule of traffic control', 'rules of traffic control'],
  path: 'config/traffic-control',
  id: 'name',
  fields: {
    network: option.list(option.text('Network.'), 'Networks it holds for, like 10.0.0.0/8.'),
    ...optionalFields,
  },
  deletable: Object.keys(optionalFields),
  columns: ['name', 'rate-in', 'burst-in', 'rate-out', 'burst-out', 'network', 'timeframe', 'comment'],
  complete: { users: completeUser },
  example: 'traffic-control create office --network 192.168.0.0/16 --rate-in "10 MiB" --timeframe "mon..fri 8-18"',
});
