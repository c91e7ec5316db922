// A Gotify server, which shows messages on telephones (config-and-tasks.md 8.5).

import { GranaryError, withContext } from '../../base/errors.ts';
import type { Gotify } from '../../config/notification-schema.ts';
import type { Severity } from '../notification.ts';
import { sendHttp } from './http.ts';
import type { TargetKind } from './target.ts';

const priorities: Readonly<Record<Severity, number>> = { info: 1, notice: 3, unknown: 3, warning: 5, error: 9 };

export const gotify: TargetKind = {
  async send(target, message, around, signal) {
    const { server, token } = target.values as Partial<Gotify>;
    if (server === undefined || token === undefined) {
      throw new GranaryError('config-invalid', `gotify target '${target.name}' has no ${server ? 'token' : 'server'}`);
    }
    const body = JSON.stringify({
      title: message.title,
      message: fenced(message.text),
      priority: priorities[message.severity],
      extras: { 'client::display': { contentType: 'text/markdown' } },
    });
    const headers = {
      'content-type': 'application/json',
      authorization: `Bearer ${token}`,
      'x-gotify-key': token,
    };
    const url = `${server.replace(/\/+$/, '')}/message`;
    try {
      await sendHttp({ method: 'POST', url, headers, body }, around, signal);
    } catch (error) {
      const { code, message: text } = withContext(`gotify target '${target.name}'`, error);
      // Without the cause, whose text may hold the token.
      throw new GranaryError(
        code,
        text.replaceAll(token, '<token>').replaceAll(JSON.stringify(token).slice(1, -1), '<token>'),
      );
    }
  },
};

/** As a block of code, so that columns stay columns; with a fence that the text does not have. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}\n${text}${fence}`;
}
