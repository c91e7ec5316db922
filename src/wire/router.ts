// From a URL to an endpoint: path normalisation, templates with variables, directory listings
// (rest-api.md 1 and 3.5). Knows nothing of sockets.

import { GranaryError } from '../base/errors.ts';
import type { EndpointContract } from '../model/endpoint.ts';
import type { Endpoint } from './implement.ts';

export const maxUrlBytes = 3072;
const methods = new Set<string>(['GET', 'PUT', 'POST', 'DELETE']);

export interface Match {
  endpoint: Endpoint;
  /** Decoded path variables. */
  variables: Record<string, string>;
}

/** What a path leads to. `directory`: an inner node without a GET of its own. */
export type Route =
  | { kind: 'endpoint'; match: Match }
  | { kind: 'directory'; children: readonly string[] }
  | { kind: 'none' };

/** A path component below another. */
export interface Child {
  name: string;
  methods: EndpointContract['method'][];
  hasChildren: boolean;
}

interface Node {
  children: Map<string, Node>;
  variable?: { name: string; node: Node };
  endpoints: Map<EndpointContract['method'], Endpoint>;
}

const emptyNode = (): Node => ({ children: new Map(), endpoints: new Map() });

/** The components of a URL path: empty ones dropped, percent-decoded; throws `bad-request` for illegal ones. */
export function pathComponents(path: string): string[] {
  const components: string[] = [];
  for (const raw of path.split('/')) {
    if (raw === '') continue;
    let component: string;
    try {
      component = decodeURIComponent(raw);
    } catch {
      throw new GranaryError('bad-request', 'path contains illegal components');
    }
    if (raw.startsWith('.') || component.startsWith('.') || component.includes('\0')) {
      throw new GranaryError('bad-request', 'path contains illegal components');
    }
    components.push(component);
  }
  return components;
}

/** The variables of a single template that the components match; undefined when they do not. */
export function matchTemplate(template: string, components: readonly string[]): Record<string, string> | undefined {
  const parts = template.split('/');
  if (parts.length !== components.length) return undefined;
  const variables: Record<string, string> = {};
  for (const [index, part] of parts.entries()) {
    const name = /^\{(.+)\}$/.exec(part)?.[1];
    if (name !== undefined) variables[name] = components[index]!;
    else if (part !== components[index]) return undefined;
  }
  return variables;
}

/** An immutable tree of endpoints. */
export class Router {
  readonly #root = emptyNode();
  readonly endpoints: readonly Endpoint[];

  /**
   * `others` are paths that somebody else answers and that listings show nevertheless.
   * Throws `internal` when two endpoints answer the same method and path.
   */
  constructor(endpoints: readonly Endpoint[], others: readonly string[] = []) {
    this.endpoints = endpoints;
    for (const path of others) this.#node(path);
    for (const endpoint of endpoints) this.#add(endpoint);
  }

  #add(endpoint: Endpoint): void {
    const { method, path } = endpoint.contract;
    const node = this.#node(path);
    if (node.endpoints.has(method)) throw new GranaryError('internal', `${method} ${path} is declared twice`);
    node.endpoints.set(method, endpoint);
  }

  /** The node of a template, made with those above it. */
  #node(path: string): Node {
    let node = this.#root;
    for (const part of path.split('/')) {
      if (part === '') continue;
      const name = /^\{(.+)\}$/.exec(part)?.[1];
      if (name === undefined) {
        const child = node.children.get(part) ?? emptyNode();
        node.children.set(part, child);
        node = child;
      } else {
        node.variable ??= { name, node: emptyNode() };
        if (node.variable.name !== name) {
          throw new GranaryError(
            'internal',
            `path ${path} names a variable {${name}}, another {${node.variable.name}}`,
          );
        }
        node = node.variable.node;
      }
    }
    return node;
  }

  /** What is directly below a path: names, variables in braces, with the methods that each takes; sorted. */
  children(components: readonly string[]): Child[] {
    let node: Node | undefined = this.#root;
    for (const component of components) node = node?.children.get(component) ?? node?.variable?.node;
    if (node === undefined) return [];
    const named: [string, Node][] = [...node.children].sort(([a], [b]) => (a < b ? -1 : 1));
    if (node.variable !== undefined) named.push([`{${node.variable.name}}`, node.variable.node]);
    return named.map(([name, child]) => ({
      name,
      methods: [...child.endpoints.keys()],
      hasChildren: child.children.size > 0 || child.variable !== undefined,
    }));
  }

  /** Resolves components below the format: `['admin', 'datastore']`. */
  resolve(method: string, components: readonly string[]): Route {
    if (!methods.has(method)) return { kind: 'none' };
    const variables: Record<string, string> = {};
    let node = this.#root;
    for (const component of components) {
      const child = node.children.get(component);
      if (child !== undefined) node = child;
      else if (node.variable !== undefined) {
        variables[node.variable.name] = component;
        node = node.variable.node;
      } else return { kind: 'none' };
    }
    const endpoint = node.endpoints.get(method as EndpointContract['method']);
    if (endpoint !== undefined) return { kind: 'endpoint', match: { endpoint, variables } };
    if (method === 'GET' && node.children.size > 0) {
      return { kind: 'directory', children: [...node.children.keys()].sort() };
    }
    return { kind: 'none' };
  }
}
