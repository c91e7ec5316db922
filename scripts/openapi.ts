// The API's description in OpenAPI 3.1 from the contracts.

import type { TSchema } from 'typebox';
import type { Access, EndpointContract } from '../src/model/endpoint.ts';

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
    info: { title: 'Granary', version: '1', description: 'The API below /api2/json. Bodies may also be forms.' },
    servers: [{ url: 'https://localhost:8007/api2/json' }],
    paths,
  };
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
  const inQuery = contract.method !== 'POST' || contract.body === 'upload';
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
    summary: contract.summary,
    description: accessText(contract.access),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...requestBody(contract, body, bodyRequired, inQuery),
    responses: { 200: answer(contract), default: { description: 'The text of the error.' } },
  };
}

function requestBody(contract: EndpointContract, properties: Json, required: string[], inQuery: boolean): Json {
  if (contract.body === 'upload') {
    return { requestBody: { content: { 'application/octet-stream': {} } } };
  }
  if (inQuery || Object.keys(properties).length === 0) return {};
  const schema = { type: 'object', properties, ...(required.length === 0 ? {} : { required }) };
  return { requestBody: { content: { 'application/json': { schema } } } };
}

function answer(contract: EndpointContract): Json {
  if (contract.answer === 'download') {
    return { description: 'Bytes.', content: { 'application/octet-stream': {} } };
  }
  const schema = { type: 'object', properties: { data: contract.result }, required: ['data'] };
  return { description: 'The result.', content: { 'application/json': { schema } } };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
