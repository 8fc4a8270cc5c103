/** What an answer of the server means on the picture: who is drawn, which lines, and what each is called. Pure. */

import type { TopologyGroup, TopologyLine, TopologyNode, WholeTopology } from "../generated/questions";
import { bytesRate, many, rate as perSecond } from "../words/numbers";
import { fold } from "./fold";
import { grid } from "./layout/hexagon";
import type { Graph, Group, Inside, Line, Member, State } from "./layout/model";
import { columnsFor, isClosed, severity } from "./layout/sides";

export type WidthBy = "rate" | "bytes";

/** What one line became between two windows. */
export interface Change {
  readonly state: State;
  readonly note: string;
  readonly gone: boolean;
}

export interface Wishes {
  readonly width: WidthBy;
  /** An edge's id. */
  readonly selected: string | null;
  /** Nothing of this is news any more: all lines are dashed and still. */
  readonly stale: boolean;
  readonly dense: boolean;
  readonly places: number;
  /** Of a comparison, by edge. */
  readonly changes: ReadonlyMap<string, Change> | null;
}

/** A line on the picture: the edges of one pair of ends and one word. */
export interface Shown {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly client: string;
  readonly server: string;
  readonly label: string;
  readonly state: State;
  /** `failing: 3.1 % of segments retransmitted`, empty when healthy. */
  readonly why: string;
  readonly brief: string;
  /** The worst first, then the busiest. */
  readonly edges: readonly TopologyLine[];
}

export interface Scene {
  readonly graph: Graph;
  readonly lines: ReadonlyMap<string, Shown>;
  /** Of an edge, the line that shows it. */
  readonly lineOf: ReadonlyMap<string, string>;
  readonly nodes: ReadonlyMap<string, TopologyNode>;
  readonly counts: Counts;
  /** Cards are small, and closed. */
  readonly closed: boolean;
}

export interface Counts {
  readonly inside: number;
  readonly outside: number;
  readonly groups: number;
  readonly lines: number;
  readonly failing: number;
  readonly slow: number;
  readonly folded: number;
  readonly into: number;
}

const RATE_STEPS = [1, 10, 100, 1000];
const BYTE_STEPS = [1e3, 1e4, 1e5, 1e6];
/** Below this share of what happened, a line is dashed. */
export const SEEN_ENOUGH = 0.95;

const STATES: Record<TopologyLine["state"], State> = {
  FAILING: "failing",
  SLOW: "slow",
  HEALTHY: "healthy",
  NONE: "none",
};

export function scene(topology: WholeTopology, wishes: Wishes): Scene {
  const nodes = new Map(topology.nodes.map((node) => [node.id, node]));
  const inside = topology.nodes
    .filter((node) => node.inside)
    .map(insideOf)
    .sort((a, b) => a.ordinal - b.ordinal);
  const all = groupsOf(topology);
  const { groups, folded, into } = fold(all);
  const places = Math.max(wishes.places, topology.places.inside);
  const columns = columnsFor(grid(Math.max(places, ...inside.map((one) => one.ordinal + 1))), groups, wishes.dense);
  const closed = new Map(
    groups
      .filter((group) => isClosed(group, columns))
      .flatMap((group) => group.members.map((member) => [member.id, group] as const)),
  );
  const lines = shownLines(topology.edges, nodes, closed, wishes);
  const rated = groups.map((group) => ({ ...group, sub: subOf(group, topology.edges, wishes.width, closed) }));
  const graph: Graph = {
    place: topology.instance.layers.every((layer) => layer === "OS_LINUX") ? "host" : "pod",
    inside,
    groups: rated,
    lines: lines.map((shown) => lineOf(shown, topology, wishes)),
    selected: null,
    places,
    dense: wishes.dense,
    steps: wishes.width === "rate" ? RATE_STEPS : BYTE_STEPS,
    before: {},
  };
  const byEdge = new Map(lines.flatMap((shown) => shown.edges.map((edge) => [edge.id, shown.id] as const)));
  const selected = wishes.selected === null ? null : (byEdge.get(wishes.selected) ?? null);
  return {
    graph: { ...graph, selected },
    lines: new Map(lines.map((shown) => [shown.id, shown])),
    lineOf: byEdge,
    nodes,
    closed: columns.dense,
    counts: {
      inside: inside.length,
      outside: topology.nodes.length - inside.length,
      groups: groups.length,
      lines: topology.edges.length,
      failing: topology.edges.filter((edge) => edge.state === "FAILING").length,
      slow: topology.edges.filter((edge) => edge.state === "SLOW").length,
      folded,
      into,
    },
  };
}

function insideOf(node: TopologyNode): Inside {
  const [first, ...more] = node.pids;
  const pid = first === undefined ? "" : `pid ${first}${more.length > 0 ? ` +${more.length}` : ""}`;
  const held = node.process?.container ?? "";
  const container = held === node.name ? "" : held;
  return { id: node.id, name: node.name, sub: [pid, container].filter(Boolean).join(" · "), ordinal: node.ordinal };
}

function groupsOf(topology: WholeTopology): Group[] {
  const members = new Map<string, TopologyNode[]>();
  for (const node of topology.nodes)
    if (!node.inside && node.group !== null) members.set(node.group, [...(members.get(node.group) ?? []), node]);
  const order = (a: TopologyGroup, b: TopologyGroup): number => a.ordinal - b.ordinal || (a.id < b.id ? -1 : 1);
  return [...topology.groups].sort(order).map((group) => {
    const own = (members.get(group.id) ?? []).sort((a, b) => a.ordinal - b.ordinal).map(memberOf);
    const [first] = own;
    return {
      id: group.id,
      name: first && own.length === 1 ? first.name : group.name,
      sub: "",
      side: group.side === "CLIENT" ? "client" : "server",
      platform: group.kind === "PLATFORM",
      seat: group.ordinal,
      members: own,
    };
  });
}

function memberOf(node: TopologyNode): Member {
  const other = (text: string | null | undefined): string => (text && text !== node.name ? text : "");
  const [process, address] = [other(node.process?.name), other(node.address)];
  return { id: node.id, name: node.name, sub: address, whole: [process, address].filter(Boolean).join(" · ") };
}

/** A closed card says its rate, an open one how many it holds, a single one its address. */
function subOf(
  group: Group,
  edges: readonly TopologyLine[],
  width: WidthBy,
  closed: ReadonlyMap<string, Group>,
): string {
  const ids = new Set(group.members.map((member) => member.id));
  const [first] = group.members;
  if (first && closed.has(first.id)) {
    const rates = edges
      .filter((edge) => ids.has(edge.client) || ids.has(edge.server))
      .map((edge) => amount(edge, width));
    const sum = rates.reduce<number>((total, one) => total + (one ?? 0), 0);
    return width === "rate" ? perSecond(sum) : bytesRate(sum);
  }
  return group.members.length === 1 ? (first?.whole ?? "") : many(group.members.length, "peer");
}

function amount(edge: TopologyLine, width: WidthBy): number | null {
  return width === "rate" ? edge.rate : edge.bytesRate;
}

function shownLines(
  edges: readonly TopologyLine[],
  nodes: ReadonlyMap<string, TopologyNode>,
  closed: ReadonlyMap<string, Group>,
  wishes: Wishes,
): Shown[] {
  const bundles = new Map<string, TopologyLine[]>();
  for (const edge of edges) {
    const end = (id: string): string => closed.get(id)?.id ?? id;
    const key = `${end(edge.client)}>${end(edge.server)}>${edge.label}`;
    bundles.set(key, [...(bundles.get(key) ?? []), edge]);
  }
  const shown = [...bundles].map(([id, bundle]) => shownLine(id, bundle, nodes, closed, wishes));
  const order = (a: Shown, b: Shown): number =>
    severity(a.state) - severity(b.state) ||
    compare(a.client, b.client) ||
    compare(a.server, b.server) ||
    compare(a.id, b.id);
  return shown.sort(order);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function shownLine(
  id: string,
  bundle: readonly TopologyLine[],
  nodes: ReadonlyMap<string, TopologyNode>,
  closed: ReadonlyMap<string, Group>,
  wishes: Wishes,
): Shown {
  const stateOf = (edge: TopologyLine): State =>
    wishes.changes === null ? STATES[edge.state] : (wishes.changes.get(edge.id)?.state ?? "healthy");
  const edges = [...bundle].sort(
    (a, b) => severity(stateOf(a)) - severity(stateOf(b)) || (b.rate ?? 0) - (a.rate ?? 0) || compare(a.id, b.id),
  );
  const [first] = edges as [TopologyLine, ...TopologyLine[]];
  const state = stateOf(first);
  const name = (pick: (edge: TopologyLine) => string): string => {
    const ids = new Set(edges.map(pick));
    const group = closed.get(pick(first));
    return ids.size > 1 && group ? group.name : (nodes.get(pick(first))?.name ?? pick(first));
  };
  const bad =
    wishes.changes === null ? state === "failing" || state === "slow" : state === "failing" || state === "better";
  const change = wishes.changes?.get(first.id);
  const why =
    wishes.changes === null
      ? `${state}: ${first.reasons.join("; ")}`
      : `${state === "failing" ? "worse" : state}: ${change?.note ?? ""}`;
  return {
    id,
    from: first.client,
    to: first.server,
    client: name((edge) => edge.client),
    server: name((edge) => edge.server),
    label: first.label,
    state,
    why: bad ? why : "",
    brief: change?.note ?? (wishes.changes !== null ? "=" : bad ? first.brief : ""),
    edges,
  };
}

function lineOf(shown: Shown, topology: WholeTopology, wishes: Wishes): Line {
  const sum = (width: WidthBy): number => shown.edges.reduce((total, edge) => total + (amount(edge, width) ?? 0), 0);
  const unknown = shown.edges.every((edge) => amount(edge, wishes.width) === null);
  const healthy = unknown ? "" : wishes.width === "rate" ? perSecond(sum("rate")) : bytesRate(sum("bytes"));
  const gone = shown.edges.every((edge) => wishes.changes?.get(edge.id)?.gone ?? false);
  return {
    id: shown.id,
    from: shown.from,
    to: shown.to,
    label: shown.label,
    note: shown.brief || healthy,
    state: shown.state,
    rate: sum(wishes.width),
    partial: wishes.stale || shown.edges.some((edge) => edge.seenShare < SEEN_ENOUGH || edge.overflow > 0),
    gone,
    cycle: wishes.stale || gone || !moving(shown, topology) ? 0 : cycle(sum("rate")),
  };
}

/** Bytes moved in the last two seconds of the window. */
function moving(shown: Shown, topology: WholeTopology): boolean {
  const end = Date.parse(topology.window.to);
  return shown.edges.some((edge) => edge.lastTraffic !== null && Date.parse(edge.lastTraffic) >= end - 2000);
}

function cycle(rate: number): number {
  return rate < 10 ? 5 : rate < 100 ? 2.6 : 1.6;
}
