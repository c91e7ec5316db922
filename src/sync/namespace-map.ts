// Which namespace of the target a namespace of the source becomes, and in which order they are done (sync.md 1 and 4).

import { GranaryError } from '../base/errors.ts';
import { formatNamespace, maxNamespaceDepth, type Namespace, parseNamespace } from '../model/backup.ts';

export interface NamespacePair {
  source: Namespace;
  target: Namespace;
}

/** Whether `ns` is `anchor` or lies below it. */
export function isWithin(anchor: Namespace, ns: Namespace): boolean {
  return anchor.every((part, i) => ns[i] === part);
}

/** `ns` below `from` as it is called below `to`. Throws `protocol` when it does not lie there. */
export function mapNamespace(ns: Namespace, from: Namespace, to: Namespace): Namespace {
  if (!isWithin(from, ns)) {
    throw new GranaryError('protocol', `namespace '${formatNamespace(ns)}' is not below '${formatNamespace(from)}'`);
  }
  return [...to, ...ns.slice(from.length)];
}

/**
 * The namespaces with their targets, parents before their children. All are checked before anything is done: one that
 * would be too deep or too long on the target is `bad-request`.
 */
export function namespacePairs(namespaces: readonly Namespace[], from: Namespace, to: Namespace): NamespacePair[] {
  const pairs = namespaces.map((source) => ({ source, target: mapNamespace(source, from, to) }));
  for (const { target } of pairs) {
    const name = formatNamespace(target);
    if (target.length > maxNamespaceDepth) {
      const text = `namespace '${name}' would exceed the maximum depth of ${maxNamespaceDepth} on the target`;
      throw new GranaryError('bad-request', text);
    }
    parseNamespace(name);
  }
  return pairs.sort((a, b) => formatNamespace(a.source).length - formatNamespace(b.source).length);
}

/** `root namespace` or `namespace 'N'`, for logs. */
export function namespaceLabel(ns: Namespace): string {
  return ns.length === 0 ? 'root namespace' : `namespace '${formatNamespace(ns)}'`;
}
