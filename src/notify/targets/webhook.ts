// A request to any web server, whose URL, headers and body are templates (config-and-tasks.md 8.5).

import Handlebars from 'handlebars';
import { GranaryError, messageOf } from '../../base/errors.ts';
import { headerFormat, secretFormat, type Webhook } from '../../config/notification-schema.ts';
import { type PropertyStringFormat, parsePropertyString } from '../../config/property-string.ts';
import type { Message } from '../render.ts';
import { sendHttp } from './http.ts';
import type { TargetKind } from './target.ts';

const templates = Handlebars.create();
templates.registerHelper({
  'url-encode': (value: unknown) => encodeURIComponent(String(value)),
  /** A value as JSON: a text comes with its quotes. */
  json: (value: unknown) => JSON.stringify(value) ?? 'null',
  /** A text as it stands between the quotes of JSON. */
  escape: (value: unknown) => inQuotes(String(value)),
});
const inQuotes = (text: string): string => JSON.stringify(text).slice(1, -1);

export const webhook: TargetKind = {
  async send(target, message, around, signal) {
    const { url, method, header = [], body, secret = [] } = target.values as Partial<Webhook>;
    const secrets = pairs(secretFormat, secret);
    try {
      if (url === undefined || method === undefined) {
        throw new GranaryError('config-invalid', `it has no ${url ? 'method' : 'URL'}`);
      }
      const write = (source: string, what: string): string => fill(source, what, message, secrets);
      const headers: Record<string, string> = {};
      for (const [name, value] of Object.entries(pairs(headerFormat, header))) {
        headers[name.toLowerCase()] = write(value, `header ${name}`);
      }
      const content = body === undefined ? undefined : write(decode(body), 'body');
      // A GET without a body is the one request that has no length.
      const sent = method === 'get' && !content ? undefined : (content ?? '');
      await sendHttp({ method: method.toUpperCase(), url: write(url, 'URL'), headers, body: sent }, around, signal);
    } catch (error) {
      const code = error instanceof GranaryError ? error.code : 'bad-request';
      const text = masked(`webhook target '${target.name}': ${messageOf(error)}`, Object.values(secrets));
      // Without the cause, whose text may hold secrets.
      throw new GranaryError(code, text);
    }
  },
};

function fill(source: string, what: string, message: Message, secrets: Record<string, string>): string {
  const { title, text, severity, timestamp, fields } = message;
  try {
    return templates.compile(source, { noEscape: true })({
      title,
      message: text,
      severity,
      timestamp,
      fields,
      secrets,
    });
  } catch (error) {
    throw new GranaryError('config-invalid', `template of ${what}: ${messageOf(error)}`);
  }
}

/** `name=N,value=BASE64` texts as one object. */
function pairs(format: PropertyStringFormat, texts: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const text of texts) {
    const { name, value = '' } = parsePropertyString(format, text).value ?? {};
    if (name !== undefined) found[String(name)] = decode(String(value));
  }
  return found;
}

const decode = (base64: string): string => Buffer.from(base64, 'base64').toString('utf8');

/** A text without secrets, in any of the forms that templates give them. */
function masked(text: string, secrets: readonly string[]): string {
  const forms = secrets
    .filter((secret) => secret !== '')
    .flatMap((secret) => [secret, encodeURIComponent(secret), inQuotes(secret), encodeURI(secret)]);
  let result = text;
  for (const form of forms.sort((a, b) => b.length - a.length)) result = result.replaceAll(form, '<secret>');
  return result;
}
