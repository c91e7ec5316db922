// Which rule of traffic control holds for a connection (config-and-tasks.md 13): those whose network has the peer,
// whose time it is and whose users, if it names any, the caller is one of. A rule for users goes before one for
// networks alone, then the narrowest network, then the first in the file.

import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { type DailyDuration, isWithin, parseDailyDuration } from '../calendar/daily-duration.ts';
import type { TrafficRule } from '../config/traffic-control-schema.ts';
import { type AuthId, userOf } from '../model/auth-id.ts';

type Family = 'ipv4' | 'ipv6';

interface Network {
  family: Family;
  prefix: number;
  members: BlockList;
}

interface Prepared {
  rule: TrafficRule;
  networks: readonly Network[];
  timeframe: readonly DailyDuration[];
  users: ReadonlySet<AuthId> | undefined;
}

export class TrafficRules {
  readonly #rules: readonly Prepared[];

  constructor(rules: readonly TrafficRule[]) {
    this.#rules = rules.map((rule) => ({
      rule,
      networks: rule.network.map(parseNetwork),
      timeframe: (rule.timeframe ?? []).map(parseDailyDuration),
      users: rule.users === undefined || rule.users.length === 0 ? undefined : new Set(rule.users),
    }));
  }

  /** The rule for a peer, at an epoch in seconds; a token is its user. Nobody is known before authentication. */
  choose(address: string, caller: AuthId | undefined, epoch: number): TrafficRule | undefined {
    const peer = address.replace(/^::ffff:(?=\d+\.)/i, '');
    const family = isIPv4(peer) ? 'ipv4' : isIPv6(peer) ? 'ipv6' : undefined;
    if (family === undefined) return undefined;
    const user = caller === undefined ? undefined : userOf(caller);
    let best: { rule: TrafficRule; forUsers: boolean; prefix: number } | undefined;
    for (const { rule, networks, timeframe, users } of this.#rules) {
      if (timeframe.length > 0 && !timeframe.some((duration) => isWithin(duration, epoch))) continue;
      if (users !== undefined && (user === undefined || !users.has(user))) continue;
      const prefix = longestPrefix(networks, peer, family);
      if (prefix === undefined) continue;
      const forUsers = users !== undefined;
      const better = best === undefined || (forUsers === best.forUsers ? prefix > best.prefix : forUsers);
      if (better) best = { rule, forUsers, prefix };
    }
    return best?.rule;
  }
}

/** The longest prefix among the networks that have the peer. */
function longestPrefix(networks: readonly Network[], peer: string, family: Family): number | undefined {
  let longest: number | undefined;
  for (const network of networks) {
    if (network.family !== family || network.prefix < (longest ?? 0)) continue;
    if (network.members.check(peer, family)) longest = network.prefix;
  }
  return longest;
}

/** `text` is a CIDR that the schema has accepted; host bits and leading zeros are allowed in it. */
function parseNetwork(text: string): Network {
  const slash = text.indexOf('/');
  const address = text.slice(0, slash);
  const prefix = Number(text.slice(slash + 1));
  const members = new BlockList();
  const family = address.includes(':') ? 'ipv6' : 'ipv4';
  const plain =
    family === 'ipv4'
      ? address.split('.').map(Number).join('.')
      : new URL(`http://[${address}]/`).hostname.slice(1, -1);
  members.addSubnet(plain, prefix, family);
  return { family, prefix, members };
}
