/** Answers of the server's form, as large as asked for. */

import type { TopologyGroup, TopologyLine, TopologyNode, WholeTopology } from "../src/generated/questions";

const ROLES = "api web job auth cart feed geo mail pay tax user stock index cache".split(" ");
const SERVICES = "orders users kafka redis search ledger media geo ship".split(" ");
const START = Date.UTC(2026, 10, 23, 2, 48);

export interface Size {
  inside: number;
  groups: number;
  members: number;
  lines: number;
}

function draws(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function nodes(size: Size): TopologyNode[] {
  const plain = { address: null, service: null, instance: null, process: null, kind: "PROCESS" as const };
  const inside = Array.from({ length: size.inside }, (_, i): TopologyNode => ({
    ...plain,
    id: `p${i}`,
    name: i === 0 ? "envoy" : i === 1 ? "<script>" : `${ROLES[i % ROLES.length] ?? ""}-${i}`,
    inside: true,
    ordinal: i,
    group: null,
    pids: [100 + i],
  }));
  const outside = Array.from({ length: size.groups * size.members }, (_, i): TopologyNode => {
    const group = Math.floor(i / size.members);
    const address = `10.0.${group}.${i % size.members}:9080`;
    return {
      ...plain,
      kind: "ADDRESS",
      id: address,
      name: address,
      address,
      inside: false,
      ordinal: i % size.members,
      group: `g${group}`,
      pids: [],
    };
  });
  return [...inside, ...outside];
}

function groups(size: Size): TopologyGroup[] {
  const seats: Record<string, number> = {};
  return Array.from({ length: size.groups }, (_, i): TopologyGroup => {
    const side = i % 5 < 2 ? "CLIENT" : "SERVER";
    const kind = i % 10 === 9 ? "PLATFORM" : "APPLICATION";
    const ordinal = seats[side + kind] ?? 0;
    seats[side + kind] = ordinal + 1;
    return { id: `g${i}`, name: `${SERVICES[i % SERVICES.length] ?? ""}-${i}`, kind, side, ordinal };
  });
}

export function line(
  id: string,
  client: string,
  server: string,
  rate: number,
  more: Partial<TopologyLine> = {},
): TopologyLine {
  return {
    id,
    client,
    server,
    address: server.includes(":") ? server : "10.1.0.7:9080",
    port: 9080,
    transport: "tcp",
    protocol: "http",
    security: "mtls",
    securitySource: "wire",
    label: "mTLS",
    state: "HEALTHY",
    reasons: [],
    brief: "",
    since: null,
    rate,
    bytesRate: rate * 1100,
    p99Ns: 4e5,
    retransmitShare: 0,
    connections: { opened: 3, closed: 1, active: 2, failed: [] },
    seenShare: 1,
    clientSeen: true,
    serverSeen: false,
    overflow: 0,
    lastTraffic: new Date(START + 299_000).toISOString(),
    metrics: [],
    ...more,
  };
}

function lines(size: Size, peers: readonly TopologyNode[], sides: readonly TopologyGroup[]): TopologyLine[] {
  const draw = draws(11);
  const side = new Map(sides.map((group) => [group.id, group.side]));
  const found = new Map<string, TopologyLine>();
  const outside = peers.filter((node) => !node.inside);
  for (let i = 0; i < size.lines * 4 && found.size < size.lines; i += 1) {
    const process = `p${draw(size.inside)}`;
    const peer = outside[i < outside.length ? i : draw(outside.length)];
    const other = i < outside.length || draw(3) === 0 ? peer?.id : `p${draw(size.inside)}`;
    if (other === undefined || other === process) continue;
    const calls = side.get(peer?.group ?? "") === "CLIENT" && other === peer?.id;
    const [client, server] = calls ? [other, process] : [process, other];
    const rate = [0.3, 4, 40, 214, 1900][draw(5)] ?? 1;
    const bad = draw(100) < 3;
    const failing = draw(2) === 0;
    const why = failing
      ? { state: "FAILING" as const, reasons: ["12 of 31 connects failed (timed out)"], brief: "12 timed out" }
      : {
          state: "SLOW" as const,
          reasons: ["the client sent 31 segments again, 3.1% of its segments"],
          brief: "3.1 % retransmit",
        };
    found.set(
      `${client}>${server}`,
      line(`${client}>${server}`, client, server, rate, { ...(bad ? why : {}), seenShare: draw(20) === 0 ? 0.9 : 1 }),
    );
  }
  return [...found.values()];
}

export function answer(size: Size): WholeTopology {
  const [who, sides] = [nodes(size), groups(size)];
  const place = {
    id: "shop",
    name: "shop-07",
    host: "node-1",
    layers: ["OS_LINUX"],
    processes: size.inside,
    task: null,
  };
  return {
    instance: { ...place, service: { id: "shop", name: "shop", layers: ["OS_LINUX"] } },
    window: { from: new Date(START).toISOString(), to: new Date(START + 300_000).toISOString(), seconds: 300 },
    step: "SECOND",
    nodes: who,
    groups: sides,
    edges: lines(size, who, sides),
    completeness: [],
    agentSilentSeconds: 0,
    places: { inside: size.inside },
  };
}

/** The same a second later: other rates. */
export function later(topology: WholeTopology, second: number): WholeTopology {
  const draw = draws(second);
  return {
    ...topology,
    edges: topology.edges.map((edge) => ({ ...edge, rate: (edge.rate ?? 0) * (0.9 + draw(20) / 100) })),
  };
}
