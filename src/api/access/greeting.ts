// What is told to everybody who wants to log in.

import { nodeConfigFile } from '../../config/node-config.ts';
import { implement } from '../../wire/implement.ts';
import { readGreeting } from './greeting.contract.ts';

export const greetingEndpoints = [
  implement(readGreeting, async (_parameters, call) => {
    const { 'consent-text': consent, 'default-lang': language } = nodeConfigFile(call.server.directories).current()
      .value;
    return {
      ...(consent === undefined ? {} : { 'consent-text': consent }),
      ...(language === undefined ? {} : { 'default-lang': language }),
    };
  }),
];
