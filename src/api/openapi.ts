// The API's description in OpenAPI 3.1, made from the contracts: what is served is what is checked.

import type { Access, EndpointContract } from '../model/endpoint.ts';
import type { TSchema } from '../model/type.ts';

type Json = Record<string, unknown>;

/** One document for all contracts; properties sorted by path and method, so that it changes only where they do. */
export function openApi(contracts: readonly EndpointContract[]): Json {
  const paths: Record<string, Json> = {};
  const sorted = contracts.toSorted((a, b) => compare(a.path, b.path) || compare(a.method, b.method));
  for (const contract of sorted) {
    const path = `/${contract.path}`;
    paths[path] = { ...paths[path], [contract.method.toLowerCase()]: operation(contract) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Granary', version: '1', description },
    servers: [{ url: '/api2/json' }],
    security: [{ token: [] }, { ticket: [], csrf: [] }],
    tags: [...new Set(sorted.map(tagOf))].map((name) => ({ name })),
    paths,
    components: { securitySchemes },
  };
}

const description =
  'Every call answers at /api2/json and, in another envelope, at /api2/extjs. Parameters that are not in the path may ' +
  'be sent in the query, as a form, or as JSON; GET and DELETE take them from the query. Calls that change something ' +
  'need the header CSRFPreventionToken when they are made with a ticket.';

const securitySchemes: Json = {
  token: {
    type: 'apiKey',
    in: 'header',
    name: 'Authorization',
    description: 'An API token: `PBSAPIToken=USER@REALM!NAME:SECRET`.',
  },
  ticket: { type: 'apiKey', in: 'cookie', name: 'PBSAuthCookie', description: 'The ticket of POST /access/ticket.' },
  csrf: { type: 'apiKey', in: 'header', name: 'CSRFPreventionToken', description: 'From POST /access/ticket, too.' },
};

/** Calls are grouped by the first component of their path, those of a datastore by themselves. */
function tagOf({ path }: EndpointContract): string {
  const [first = '', second] = path.split('/');
  return first === 'admin' && second !== undefined ? `${first}/${second}` : first;
}

/** Who may call, in words. */
export function accessText(access: Access): string {
  switch (access.kind) {
    case 'world':
      return 'Anybody, without login.';
    case 'any':
      return 'Any authenticated caller.';
    case 'privilege': {
      const names = access.all?.join(' and ') ?? access.any?.join(' or ');
      return `${names} on ${access.path}.`;
    }
    case 'datastore': {
      const owned = access.owned.length === 0 ? '' : `${access.owned.join(' or ')} for groups of the caller`;
      const full = access.full.length === 0 ? '' : `${access.full.join(' or ')} for all groups`;
      return `On /datastore/{store}/{ns}: ${[full, owned].filter((text) => text !== '').join(', ')}.`;
    }
    case 'inside':
      return access.note;
  }
}

function operation(contract: EndpointContract): Json {
  const schema = contract.parameters as { properties: Record<string, TSchema>; required?: string[] };
  const inPath = new Set([...contract.path.matchAll(/\{(.+?)\}/g)].map((match) => match[1]!));
  const required = new Set(schema.required ?? []);
  const inQuery = contract.method === 'GET' || contract.method === 'DELETE' || contract.body === 'upload';
  const parameters = Object.entries(schema.properties)
    .filter(([name]) => inPath.has(name) || inQuery)
    .map(([name, property]) => ({
      name,
      in: inPath.has(name) ? 'path' : 'query',
      required: required.has(name),
      schema: property,
    }));
  const body = Object.fromEntries(Object.entries(schema.properties).filter(([name]) => !inPath.has(name)));
  const bodyRequired = [...required].filter((name) => !inPath.has(name));
  return {
    operationId: operationId(contract),
    tags: [tagOf(contract)],
    summary: contract.summary,
    description: accessText(contract.access),
    ...(contract.access.kind === 'world' ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...requestBody(contract, body, bodyRequired, inQuery),
    responses: { 200: answer(contract), default: failure },
  };
}

/** `get-admin-datastore-store-groups`: unique, because method and path are. */
function operationId({ method, path }: EndpointContract): string {
  return [method.toLowerCase(), ...path.replaceAll(/[{}]/g, '').split('/')].join('-');
}

const failure: Json = {
  description: 'The text of the error.',
  content: { 'application/json': { schema: { type: 'string' } } },
};

function requestBody(contract: EndpointContract, properties: Json, required: string[], inQuery: boolean): Json {
  if (contract.body === 'upload') {
    return { requestBody: { content: { 'application/octet-stream': {} } } };
  }
  if (inQuery || Object.keys(properties).length === 0) return {};
  const schema = { type: 'object', properties, ...(required.length === 0 ? {} : { required }) };
  const content = { 'application/json': { schema }, 'application/x-www-form-urlencoded': { schema } };
  return { requestBody: { ...(required.length === 0 ? {} : { required: true }), content } };
}

function answer(contract: EndpointContract): Json {
  if (contract.answer === 'download') {
    return { description: 'Bytes.', content: { 'application/octet-stream': {} } };
  }
  const schema = { type: 'object', properties: { data: contract.result }, required: ['data'] };
  const other = contract.alternative === undefined ? {} : { [contract.alternative]: { schema: { type: 'string' } } };
  return { description: 'The result.', content: { 'application/json': { schema }, ...other } };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
