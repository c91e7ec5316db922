// From a notification to the texts that are sent: Handlebars templates, shipped beside this file and overridden by
// files of the same name in the configuration (config-and-tasks.md 8.4).

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import Handlebars from 'handlebars';
import { isErrno, messageOf, withContext } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Directories } from '../config/directories.ts';
import type { Notification, Severity, TemplateName } from './notification.ts';
import { htmlHelpers, textHelpers } from './template-helpers.ts';

/** What a target sends. */
export interface Message {
  /** One line. */
  title: string;
  /** Lines end with `\n`. */
  text: string;
  html: string;
  severity: Severity;
  /** Epoch seconds. */
  timestamp: number;
  fields: Readonly<Record<string, string>>;
  /** A mail that is passed on as it is where mails are sent. */
  mail?: string;
  /** It tells that a mail could not be delivered: a mail about that which cannot be delivered either must end there. */
  isReport: boolean;
}

/** How the server is called, for the templates. */
export interface ServerNames {
  hostname: string;
  fqdn: string;
  'base-url': string;
}

const shipped = new URL('./templates/', import.meta.url);

const textEngine = engine(textHelpers);
const htmlEngine = engine(htmlHelpers);

/**
 * The texts of a notification. A template of the configuration that cannot be used is logged, and the shipped one is
 * taken: what is told matters more than how. Without an HTML template the text is shown as it is.
 */
export async function render(
  directories: Directories,
  names: ServerNames,
  notification: Notification,
  log: Logger,
): Promise<Message> {
  const { template, data, severity, timestamp, fields } = notification;
  const own = join(directories.config, 'notification-templates', 'default');
  const context = { ...data, ...names };
  const text = async (part: string): Promise<string> =>
    (await renderFile(own, `${template}-${part}.txt.hbs`, textEngine, context, log)) ??
    textEngine(await readShipped(template, part))(context);
  const body = await text('body');
  return {
    title: (await text('subject')).replace(/[\u0000-\u001f\u007f]+/g, ' ').trim(),
    text: body.endsWith('\n') ? body : `${body}\n`,
    html:
      (await renderFile(own, `${template}-body.html.hbs`, htmlEngine, context, log)) ??
      `<html><body><pre>\n${Handlebars.escapeExpression(body)}</pre></body></html>\n`,
    severity,
    timestamp,
    fields,
    ...(template === 'system-mail' && typeof data['mail'] === 'string' ? { mail: data['mail'] } : {}),
    isReport: template === 'system-mail' && data['is-report'] === true,
  };
}

type Compile = (source: string) => (context: unknown) => string;

function engine(helpers: Handlebars.HelperDeclareSpec, noEscape = helpers === textHelpers): Compile {
  const own = Handlebars.create();
  own.registerHelper(helpers);
  return (source) => own.compile(source, { noEscape });
}

function readShipped(template: TemplateName, part: string): Promise<string> {
  return readFile(new URL(`${template}-${part}.txt.hbs`, shipped), 'utf8');
}

/** Undefined when there is no such file, or none that works. */
async function renderFile(
  directory: string,
  name: string,
  compile: Compile,
  context: unknown,
  log: Logger,
): Promise<string | undefined> {
  const path = join(directory, name);
  try {
    return compile(await readFile(path, 'utf8'))(context);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    log('error', 'notification-template-unusable', { error: messageOf(withContext(path, error)) });
    return undefined;
  }
}
