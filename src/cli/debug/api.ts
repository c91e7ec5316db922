// `granary api`: any call of the API from the command line of the server (cli.md 10). What calls there are, and of
// which type their parameters, is taken from the contracts.

import { GranaryError } from '../../base/errors.ts';
import type { EndpointContract } from '../../model/endpoint.ts';
import type { Router } from '../../wire/router.ts';
import { type Completer, defineCommand, defineGroup, type UndeclaredOptions } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { fieldColumn, formatJson, outputFormat, outputOption, printJson, printTable } from '../framework/output.ts';
import type { Terminal } from '../framework/terminal.ts';
import { openLocalServer } from '../manager/local-server.ts';
import { followTask } from '../task-log.ts';

type Method = EndpointContract['method'];

/** The verbs of the tool, in the order in which `usage` and `ls` show them. */
const verbs = { get: 'GET', create: 'POST', set: 'PUT', delete: 'DELETE' } as const satisfies Record<string, Method>;

/** Not `path`, which is a parameter of some calls. */
const apiPath = option.text('Path of the call, like /access/users.', { valueName: 'path' });

async function apiRouter(): Promise<Router> {
  const [{ endpoints }, { Router }] = await Promise.all([import('../../api/index.ts'), import('../../wire/router.ts')]);
  return new Router(endpoints);
}

async function components(text: string): Promise<string[]> {
  const { pathComponents } = await import('../../wire/router.ts');
  return pathComponents(text);
}

/** The paths below the one that is being typed; variables stay as they are declared. */
const completePath: Completer = async (word) => {
  const router = await apiRouter();
  const above = word.slice(0, word.lastIndexOf('/') + 1) || '/';
  const children = router.children(await components(above));
  return children.map(({ name, methods }) => `${above}${name}${methods.length === 0 ? '/' : ''}`);
};

function callCommand(verb: keyof typeof verbs) {
  const method = verbs[verb];
  return defineCommand({
    summary: `Make a ${method} call. Its parameters are given as options.`,
    positional: ['api-path'],
    options: { 'api-path': apiPath, ...outputOption },
    complete: { 'api-path': completePath },
    open: true,
    examples: [`${verb} ${examplePaths[verb]}`],
    async run(values, terminal, undeclared) {
      const { contract, variables } = await findCall(method, values['api-path']);
      const { parseParameters } = await import('../../wire/parameters.ts');
      const parameters = parseParameters(contract.parameters, { query: query(contract, undeclared), path: variables });
      const given = Object.entries(parameters).filter(([name]) => !(name in variables));
      await using server = await openLocalServer(terminal);
      const where = (await components(values['api-path'])).map(encodeURIComponent).join('/');
      if (contract.answer === 'download') {
        for await (const part of await server.download(where, Object.fromEntries(given)))
          await terminal.writeBytes(part);
        return;
      }
      const data = await server.call(method, where, Object.fromEntries(given));
      const format = outputFormat(values, terminal);
      if (format === 'text' && isUpid(data)) await followTask(server, data, terminal);
      else if (!printJson(terminal, format, data) && data !== null) terminal.print(`${formatJson(data, true)}\n`);
    },
  });
}

const examplePaths = {
  get: '/access/users --include_tokens true',
  create: '/access/users --userid sync@pbs',
  set: '/access/users/sync@pbs --comment "for the sync job"',
  delete: '/access/users/sync@pbs',
};

const isUpid = (data: unknown): data is string => typeof data === 'string' && data.startsWith('UPID:');

async function findCall(
  method: Method,
  text: string,
): Promise<{ contract: EndpointContract; variables: Record<string, string> }> {
  const router = await apiRouter();
  const parts = await components(text);
  const route = router.resolve(method, parts);
  if (route.kind === 'endpoint') {
    const { endpoint, variables } = route.match;
    if (endpoint.contract.body !== 'upload') return { contract: endpoint.contract, variables };
    throw new GranaryError('usage', `${method} /${parts.join('/')} takes a file, which this tool does not send`);
  }
  const others = Object.values(verbs).filter((other) => router.resolve(other, parts).kind === 'endpoint');
  throw new GranaryError('usage', `there is no ${method} /${parts.join('/')}`, {
    details: {
      hint: others.length > 0 ? `There is ${others.join(', ')}.` : "'granary api ls PATH' lists what there is.",
    },
  });
}

/** The options as a query; a flag without a value is true. */
function query(contract: EndpointContract, undeclared: UndeclaredOptions): string {
  const { properties } = contract.parameters as { properties: Record<string, { type?: string }> };
  const pairs = new URLSearchParams();
  for (const [name, list] of undeclared) {
    for (const value of list) pairs.append(name, value === '' && properties[name]?.type === 'boolean' ? 'true' : value);
  }
  return pairs.toString();
}

const ls = defineCommand({
  summary: 'List what is below a path, with the verbs that it takes.',
  positional: ['api-path'],
  options: { 'api-path': optional(apiPath), ...outputOption },
  complete: { 'api-path': completePath },
  async run(values, terminal) {
    const router = await apiRouter();
    const rows = router.children(await components(values['api-path'] ?? '/')).map(({ name, methods, hasChildren }) => ({
      name: hasChildren ? `${name}/` : name,
      verbs: verbsOf(methods).join(' '),
    }));
    if (!printJson(terminal, outputFormat(values, terminal), rows)) {
      printTable<(typeof rows)[number]>(terminal, rows, [fieldColumn('name'), fieldColumn('verbs')]);
    }
  },
});

function verbsOf(methods: readonly Method[]): string[] {
  return Object.entries(verbs)
    .filter(([, method]) => methods.includes(method))
    .map(([verb]) => verb);
}

const usage = defineCommand({
  summary: 'Explain the calls of a path and their parameters.',
  positional: ['api-path'],
  options: { 'api-path': apiPath, verbose: optional(option.flag('With descriptions.')) },
  complete: { 'api-path': completePath },
  async run(values, terminal) {
    const router = await apiRouter();
    const parts = await components(values['api-path']);
    let found = false;
    for (const [verb, method] of Object.entries(verbs)) {
      const route = router.resolve(method, parts);
      if (route.kind !== 'endpoint') continue;
      found = true;
      await printUsage(verb, route.match.endpoint.contract, values.verbose ?? false, terminal);
    }
    if (!found) throw new GranaryError('usage', `there is no call /${parts.join('/')}`);
  },
});

async function printUsage(
  verb: string,
  contract: EndpointContract,
  verbose: boolean,
  terminal: Terminal,
): Promise<void> {
  const { accessText } = await import('../../api/openapi.ts');
  const { typeText } = await import('../../api/schema-text.ts');
  const { properties, required = [] } = contract.parameters as {
    properties: Record<string, { description?: string }>;
    required?: string[];
  };
  terminal.print(`${verb} /${contract.path}\n  ${contract.summary}\n  ${accessText(contract.access)}\n`);
  for (const [name, property] of Object.entries(properties)) {
    if (contract.path.includes(`{${name}}`)) continue;
    const option = `--${name} <${typeText(property)}>`;
    terminal.print(`    ${required.includes(name) ? option : `[${option}]`}\n`);
    if (verbose && property.description) terminal.print(`        ${property.description}\n`);
  }
}

export const apiCommands = defineGroup('Calls of the API on this server.', {
  get: callCommand('get'),
  create: callCommand('create'),
  set: callCommand('set'),
  delete: callCommand('delete'),
  ls,
  usage,
});
