/** More groups on a side than places: those of a namespace, or of a wider network, share a card. Pure. */

import type { Group } from "./layout/model";
import { SEATS } from "./layout/sides";

/** The groups of the picture, and how many were folded into fewer. */
export interface Folded {
  readonly groups: readonly Group[];
  readonly folded: number;
  readonly into: number;
}

export function fold(groups: readonly Group[]): Folded {
  let [folded, into] = [0, 0];
  const kept = (["client", "server"] as const).flatMap((side) => {
    const own = groups.filter((group) => group.side === side);
    const needed = seatsOf(own, false) + seatsOf(own, true);
    if (needed <= SEATS) return own;
    const wide = joined(
      own,
      (group) => wider(group.name),
      (_, name) => name,
    );
    const few = wide.length <= SEATS ? wide : joined(wide, rest(wide), (members) => `${members} more services`);
    folded += own.length;
    into += few.length;
    return seated(few);
  });
  return { groups: kept, folded, into };
}

function seatsOf(groups: readonly Group[], platform: boolean): number {
  return Math.max(0, ...groups.filter((group) => group.platform === platform).map((group) => group.seat + 1));
}

/** `reviews.default` to its namespace, 10.0.3.0/24 to 10.0.0.0/16, a /64 to its /48. */
export function wider(name: string): string {
  const address = name.replace(/\/\d+$/, "").replace(/:\d+$/, "");
  if (/^\d+(\.\d+){3}$/.test(address)) return `${address.split(".").slice(0, 2).join(".")}.0.0/16`;
  if (/^[0-9a-f:]+$/i.test(address) && address.includes(":")) return `${address.split(":").slice(0, 3).join(":")}::/48`;
  const parts = name.split(".");
  return parts.length > 1 ? (parts[1] ?? name) : name;
}

/** All but the first places keep theirs; the others become one. */
function rest(groups: readonly Group[]): (group: Group) => string {
  const first = new Set(groups.slice(0, SEATS - 1).map((group) => group.id));
  return (group) => (first.has(group.id) ? group.id : "");
}

function joined(
  groups: readonly Group[],
  key: (group: Group) => string,
  name: (count: number, key: string) => string,
): Group[] {
  const found = new Map<string, Group[]>();
  for (const group of [...groups].sort((a, b) => a.seat - b.seat || (a.id < b.id ? -1 : 1))) {
    const at = `${String(group.platform)} ${key(group)}`;
    found.set(at, [...(found.get(at) ?? []), group]);
  }
  return [...found.values()].flatMap((list) => {
    const [first] = list;
    if (!first || list.length === 1) return list;
    const members = list.flatMap((group) => group.members);
    return [{ ...first, id: `folded ${first.id}`, name: name(list.length, key(first)), members }];
  });
}

function seated(groups: readonly Group[]): Group[] {
  const next = { false: 0, true: 0 };
  return groups.map((group) => {
    const kind = group.platform ? "true" : "false";
    const seat = next[kind];
    next[kind] += 1;
    return { ...group, seat };
  });
}
