/** Which way each line takes: its ends on chips, cards and gates, and its lane beside the others. */

import {
  between,
  type Between,
  headLength,
  loop,
  outwards,
  reversed,
  under,
  widthOf,
  widthStep,
  type Cubic,
} from "./lines";
import type { Chip, Graph, Line, Point } from "./model";
import type { Placed } from "./sides";

/** Both directions of a pair: each so far to its own right; further ones beside them. */
const PAIR = { roomy: 15, dense: 5 } as const;
const LANE = { roomy: 11, dense: 4 } as const;
/** Between lines that leave a chip one below the other. */
const LEAVE = 14;

/** How much wider a line goes where there is room to go around the chips between its ends, in pixels. */
const AROUND = [30, 60, 90, 120, 150] as const;
/** The label of a process that talks to itself stands beside it. */
const LOOP_OUT = { x: 1, y: -0.3 } as const;

export interface Route {
  readonly line: Line;
  readonly curve: Cubic;
  readonly outward: Point | null;
  /** Runs into this trunk's gate. */
  readonly trunk: string | null;
}

interface Port extends Point {
  readonly dir: 1 | -1;
  readonly trunk: string | null;
}

export function routes(
  graph: Graph,
  chips: readonly Chip[],
  placed: readonly Placed[],
  gates: ReadonlyMap<string, Point>,
  dense: boolean,
  pitch: number,
): Route[] {
  const chip = new Map(chips.map((one) => [one.id, one]));
  const ports = portsOf(placed, graph, gates);
  const lanes = lanesOf(graph.lines, chip, dense);
  const leaves = leavesOf(graph.lines, chip, ports);
  const found: Route[] = [];
  for (const line of graph.lines) {
    const from = chip.get(line.from);
    const to = chip.get(line.to);
    const head = headLength(widthOf(widthStep(line.rate, graph.steps, graph.before[line.id])), dense);
    if (from && to) {
      const lane = lanes.get(line.id) ?? 0;
      if (from === to) found.push({ line, curve: loop(from, lane, head), outward: LOOP_OUT, trunk: null });
      else {
        const others = dense ? [] : chips.filter((one) => one !== from && one !== to);
        const { curve, outward } = clearOf(others, (bend) => between(from, to, lane, head, pitch, bend));
        found.push({
          line,
          curve,
          outward: lane === 0 ? null : lane > 0 ? outward : { x: -outward.x, y: -outward.y },
          trunk: null,
        });
      }
      continue;
    }
    const port = ports(from ? line.to : line.from, from ? "to" : "from");
    const leave = leaves.get(line.id);
    if (!port || !leave) continue;
    found.push({ line, curve: outside(port, leave, from !== undefined, head), outward: null, trunk: port.trunk });
  }
  return found;
}

/** The straightest way that runs under none of these; where there is none, the straightest. */
function clearOf(others: readonly Chip[], way: (bend: number) => Between): Between {
  const straight = way(0);
  if (!under(straight.curve, others)) return straight;
  for (const bend of AROUND) {
    const wider = way(bend);
    if (!under(wider.curve, others)) return wider;
  }
  return straight;
}

function outside(port: Port, leave: Point, leaving: boolean, head: number): Cubic {
  const arrowAtPort = leaving && port.trunk === null;
  const arrive = { x: port.x - (arrowAtPort ? port.dir * (head + 1) : 0), y: port.y };
  const start = leaving ? leave : { x: leave.x + port.dir * (head + 1), y: leave.y };
  const curve = outwards(start, arrive, port.dir);
  return leaving ? curve : reversed(curve);
}

/** Where a peer outside is reached. */
function portsOf(
  placed: readonly Placed[],
  graph: Graph,
  gates: ReadonlyMap<string, Point>,
): (member: string, way: "to" | "from") => Port | undefined {
  const cardOf = new Map(placed.map((card) => [card.id, card]));
  const groupOf = new Map(
    graph.groups.flatMap((group) => group.members.map((member) => [member.id, group.id] as const)),
  );
  return (member, way) => {
    const card = cardOf.get(groupOf.get(member) ?? "");
    if (!card) return undefined;
    const dir = card.side === "client" ? -1 : 1;
    const trunk = `${way} ${card.id}`;
    if (card.form === "closed") {
      const gate = gates.get(trunk);
      return gate && { ...gate, dir, trunk };
    }
    const row = card.rows.find((one) => one.id === member);
    return {
      x: dir < 0 ? card.x + card.w : card.x,
      y: row ? row.y + row.h / 2 : card.y + card.h / 2,
      dir,
      trunk: null,
    };
  };
}

/** Lines between two chips side by side, each direction on its own right; negative when alone in its direction. */
function lanesOf(lines: readonly Line[], chip: ReadonlyMap<string, Chip>, dense: boolean): Map<string, number> {
  const pairs = new Map<string, Line[]>();
  for (const line of lines) if (chip.has(line.from) && chip.has(line.to)) push(pairs, `${line.from} ${line.to}`, line);
  const pair = dense ? PAIR.dense : PAIR.roomy;
  const lane = dense ? LANE.dense : LANE.roomy;
  const found = new Map<string, number>();
  for (const list of pairs.values()) {
    list.sort((a, b) => (a.id < b.id ? -1 : 1));
    const [one] = list;
    const back = one && one.from !== one.to && pairs.has(`${one.to} ${one.from}`);
    list.forEach((line, i) => {
      found.set(
        line.id,
        back || line.from === line.to ? (back ? pair : 0) + i * lane : (i - (list.length - 1) / 2) * lane,
      );
    });
  }
  return found;
}

/** Where a line leaves its chip to one side: one below the other, in the order of their far ends, so they do not cross. */
function leavesOf(
  lines: readonly Line[],
  chip: ReadonlyMap<string, Chip>,
  ports: (member: string, way: "to" | "from") => Port | undefined,
): Map<string, Point> {
  const hubs = new Map<string, { line: Line; from: Chip; port: Port }[]>();
  for (const line of lines) {
    const inside = chip.get(line.from) ?? chip.get(line.to);
    const port = chip.has(line.from) ? ports(line.to, "to") : ports(line.from, "from");
    if (inside && port && !(chip.has(line.from) && chip.has(line.to)))
      push(hubs, `${inside.id} ${port.dir}`, { line, from: inside, port });
  }
  const found = new Map<string, Point>();
  for (const list of hubs.values()) {
    list.sort((a, b) => a.port.y - b.port.y || (a.line.id < b.line.id ? -1 : 1));
    list.forEach(({ line, from, port }, i) => {
      const span = Math.min(from.h - 12, (list.length - 1) * LEAVE);
      const y = from.y + (list.length > 1 ? (span * i) / (list.length - 1) - span / 2 : 0);
      found.set(line.id, { x: from.x + (port.dir * from.w) / 2, y });
    });
  }
  return found;
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
