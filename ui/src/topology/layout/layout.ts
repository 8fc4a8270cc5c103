/**
 * The picture of a graph. Pure.
 *
 * Law: the same graph gives the same picture to the byte, and who is new or gone moves nobody else.
 */

import { cell, corners, grid, wall, type Grid } from "./hexagon";
import { labels, type Ask } from "./labels";
import { at, draw, headOf, widthOf, widthStep } from "./lines";
import type { Box, Caption, Chip, Graph, Picture, State, Trunk, Wire } from "./model";
import { routes, type Route } from "./routes";
import { cards, columnsFor, severity, SEATS, worst, type Columns, type Placed } from "./sides";
import { BOLD, cutEnd, cutMiddle } from "./text";
import { course, type Course } from "./trunks";

export function layout(graph: Graph): Picture {
  const cellGrid = grid(Math.max(graph.places, ...graph.inside.map((process) => process.ordinal + 1)));
  const columns = columnsFor(cellGrid, graph.groups, graph.dense);
  const dense = cellGrid.rings > 1 || columns.dense;
  const stateOf = statesOf(graph);
  const chips = chipsOf(graph, cellGrid, stateOf);
  const placed = cards(graph.groups, columns, cellGrid, stateOf);
  const courses = trunks(graph, placed, columns, cellGrid);
  const ways = routes(
    graph,
    chips,
    placed,
    new Map([...courses].map(([id, trunk]) => [id, trunk.gate])),
    dense,
    cellGrid.pitch,
  );
  const steps: Record<string, number> = {};
  const bare = ways.map((route) => wire(route, graph, dense, steps));
  const title = { x: -130, y: -cellGrid.radius - 44, w: 260, h: 38 };
  const boxes: Box[] = [
    ...chips.map((chip) => ({ ...chip, x: chip.x - chip.w / 2, y: chip.y - chip.h / 2 })),
    ...placed,
    title,
  ];
  const words = labels(asks(ways, courses, dense, graph.selected), boxes, graph.selected);
  const wires = bare.map((one) => {
    const label = words.get(one.id) ?? null;
    const sign = label === null && severity(one.state) <= severity("better") ? one.middle : null;
    return { ...one, label, sign };
  });
  for (const { trunk, step } of courses.values()) steps[trunk.id] = step;
  return {
    rings: cellGrid.rings,
    dense,
    pitch: cellGrid.pitch,
    hexagon: `M${corners(cellGrid)
      .map((p) => `${round(p.x)} ${round(p.y)}`)
      .join("L")}Z`,
    corner: { x: wall(0, cellGrid), y: cellGrid.radius },
    chips,
    cards: placed,
    trunks: [...courses.values()].map(({ trunk }) => trunk),
    wires,
    box: around([
      ...boxes,
      ...words.values(),
      { x: -wall(0, cellGrid), y: -cellGrid.radius, w: 2 * wall(0, cellGrid), h: 2 * cellGrid.radius },
    ]),
    captions: dense ? [] : captions(graph.place, placed, boxes),
    steps,
  };
}

function chipsOf(graph: Graph, cellGrid: Grid, stateOf: (id: string) => State): Chip[] {
  const { w, h } = cellGrid.chip;
  return graph.inside.map(({ id, name, sub, ordinal }) => ({
    id,
    name,
    cut: cutMiddle(name, w - 12, h < 32 ? 11 : 13 * BOLD),
    sub: cutEnd(sub, w - 8, 11),
    state: stateOf(id),
    ...cell(ordinal, cellGrid),
    w,
    h,
  }));
}

/** The worst state of the lines of each process, member and group. */
function statesOf(graph: Graph): (id: string) => State {
  const states = new Map<string, State>();
  for (const line of graph.lines)
    for (const end of [line.from, line.to]) states.set(end, worst([states.get(end) ?? "none", line.state]));
  return (id) => states.get(id) ?? "none";
}

interface Bundle {
  readonly trunk: Trunk;
  readonly gate: Course["gate"];
  readonly label: Course["label"];
  readonly step: number;
}

interface Sum {
  rate: number;
  state: State;
  partial: boolean;
}

/** One for each closed card and direction that has lines, by `trunkId`. */
function trunks(graph: Graph, placed: readonly Placed[], columns: Columns, cellGrid: Grid): Map<string, Bundle> {
  const groupOf = new Map(
    graph.groups.flatMap((group) => group.members.map((member) => [member.id, group.id] as const)),
  );
  const sums = new Map<string, Sum>();
  for (const line of graph.lines)
    for (const [end, way] of [
      [line.from, "from"],
      [line.to, "to"],
    ] as const) {
      const group = groupOf.get(end);
      if (group === undefined) continue;
      const sum = sums.get(trunkId(group, way)) ?? { rate: 0, state: "none", partial: false };
      sum.rate += line.rate;
      sum.state = worst([sum.state, line.state]);
      sum.partial ||= line.partial;
      sums.set(trunkId(group, way), sum);
    }
  const found = new Map<string, Bundle>();
  for (const card of placed) {
    if (card.form !== "closed") continue;
    const ways = (["to", "from"] as const).filter((way) => sums.has(trunkId(card.id, way)));
    for (const way of ways) {
      const id = trunkId(card.id, way);
      const sum = sums.get(id);
      if (!sum) continue;
      const step = widthStep(sum.rate, graph.steps, graph.before[id]);
      const { gate, path, head, width, label } = course(card, way, ways.length > 1, step, columns, cellGrid);
      const trunk = { id, card: card.id, path, width, state: sum.state, partial: sum.partial, head, gate };
      found.set(id, { trunk, gate, label, step });
    }
  }
  return found;
}

export function trunkId(group: string, way: "to" | "from"): string {
  return `${way} ${group}`;
}

function wire(route: Route, graph: Graph, dense: boolean, steps: Record<string, number>): Wire {
  const { line, curve } = route;
  const step = widthStep(line.rate, graph.steps, graph.before[line.id]);
  steps[line.id] = step;
  const full = widthOf(step);
  const bad = severity(line.state) <= severity("better");
  const width = dense ? (bad ? Math.max(3, Math.min(full, 4)) : Math.min(1 + full * 0.22, 2.2)) : full;
  return {
    id: line.id,
    from: line.from,
    to: line.to,
    path: draw(curve),
    width: round(width),
    step,
    state: line.state,
    partial: line.partial,
    gone: line.gone,
    quiet: dense && !bad,
    head: route.trunk?.startsWith("to ") ? null : headOf(curve, width, dense),
    label: null,
    sign: null,
    middle: at(curve, 0.5),
    trunk: route.trunk,
    cycle: line.cycle,
  };
}

function asks(
  ways: readonly Route[],
  courses: ReadonlyMap<string, Bundle>,
  dense: boolean,
  selected: string | null,
): Ask[] {
  return ways
    .filter(({ line }) => !dense || line.id === selected || severity(line.state) <= severity("better"))
    .map(({ line, curve, outward, trunk }) => ({
      line,
      curve,
      outward,
      above: trunk === null ? null : (courses.get(trunk)?.label ?? null),
    }));
}

/** Over the highest card of a side and kind, where there is room. */
function captions(place: Graph["place"], placed: readonly Placed[], boxes: readonly Box[]): Caption[] {
  const words = { client: `calls this ${place}`, server: `called by this ${place}`, platform: "platform" };
  const found: Caption[] = [];
  for (const side of ["client", "server"] as const)
    for (const platform of [false, true]) {
      const highest = placed
        .filter((card) => card.side === side && card.platform === platform)
        .sort((a, b) => a.y - b.y)[0];
      if (!highest) continue;
      const box = { x: highest.x, y: highest.y - 20, w: highest.w, h: 14 };
      const free = boxes.every(
        (b) => b.x + b.w <= box.x || box.x + box.w <= b.x || b.y + b.h <= box.y || box.y + box.h <= b.y,
      );
      if (free) found.push({ x: highest.x, y: highest.y - 9, text: words[platform ? "platform" : side] });
    }
  return found;
}

function around(boxes: readonly Box[]): Box {
  const left = Math.min(...boxes.map((box) => box.x));
  const top = Math.min(...boxes.map((box) => box.y));
  const right = Math.max(...boxes.map((box) => box.x + box.w));
  const bottom = Math.max(...boxes.map((box) => box.y + box.h));
  return { x: left, y: top, w: right - left, h: bottom - top };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

export { SEATS };
