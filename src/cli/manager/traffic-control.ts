// Commands about rules of traffic control (cli.md 5).

import { formatBytes } from '../../base/human.ts';
import { defineCommand } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { outputFormat, outputOption, printJson, printTable } from '../framework/output.ts';
import { completeUser } from './complete.ts';
import { objectCommands } from './config-object.ts';
import { openLocalServer } from './local-server.ts';
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

interface Traffic {
  name: string;
  'cur-rate-in': number;
  'cur-rate-out': number;
}

export const currentTraffic = defineCommand({
  summary: 'Show what passes under each rule of traffic control now, in bytes a second.',
  options: { ...outputOption },
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const rules = (await server.call('GET', 'admin/traffic-control')) as Traffic[];
    if (printJson(terminal, outputFormat(values, terminal), rules)) return;
    printTable<Traffic>(terminal, rules, [
      { name: 'name', text: (rule) => rule.name },
      { name: 'cur-rate-in', right: true, text: (rule) => formatBytes(rule['cur-rate-in']) },
      { name: 'cur-rate-out', right: true, text: (rule) => formatBytes(rule['cur-rate-out']) },
    ]);
  },
});
