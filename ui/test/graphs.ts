/** Graphs to lay out: drawn by fast-check, and the largest that the page promises. */

import fc from "fast-check";

import type { Graph, Group, Inside, Line, State } from "../src/topology/layout/model";

const STEPS = [1, 10, 100, 1000];
const NAMES = ["envoy", "python", "pilot-agent", "node-exporter", "<script>", "a", "postgres: checkpointer"];

function name(kind: string, i: number): string {
  return `${NAMES[i % NAMES.length] ?? ""}-${kind}${i}`;
}

export function processes(count: number): Inside[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `p${i}`,
    name: name("p", i),
    sub: `pid ${100 + i}`,
    ordinal: i,
  }));
}

/** Every eleventh is of the platform; every second a server. */
export function groups(count: number, most: number): Group[] {
  const seats = new Map<string, number>();
  return Array.from({ length: count }, (_, i) => {
    const side = i % 2 === 0 ? "client" : "server";
    const platform = i % 11 === 5;
    const kind = `${side} ${platform}`;
    const seat = seats.get(kind) ?? 0;
    seats.set(kind, seat + 1);
    const members = Array.from({ length: 1 + (i % most) }, (_, m) => ({
      id: `g${i}/${m}`,
      name: `10.0.${i}.${m}:9080`,
      sub: ":9080",
      whole: "envoy · :9080",
    }));
    return { id: `g${i}`, name: name("g", i), sub: "240/s", side, platform, seat, members };
  });
}

/** Draws the next number below `below`. */
export type Draw = (below: number) => number;

export function lines(
  draw: Draw,
  count: number,
  inside: readonly Inside[],
  outside: readonly Group[],
  bad: number,
): Line[] {
  const found = new Map<string, Line>();
  for (let i = 0; i < count * 3 && found.size < count; i += 1) {
    const process = inside[draw(inside.length)]?.id ?? "";
    const group = outside.length > 0 && draw(2) === 0 ? outside[draw(outside.length)] : undefined;
    const other = group?.members[draw(group.members.length)]?.id ?? inside[draw(inside.length)]?.id ?? "";
    const [from, to] = draw(2) === 0 ? [process, other] : [other, process];
    const label = draw(8) === 0 ? "gRPC" : "HTTP";
    const state: State = draw(100) < bad ? (draw(2) === 0 ? "failing" : "slow") : "healthy";
    const id = `${from}>${to}>${label}`;
    const note = state === "healthy" ? "214/s" : "3.1 % retransmit";
    found.set(id, {
      id,
      from,
      to,
      label,
      note,
      state,
      rate: draw(2000),
      partial: draw(9) === 0,
      gone: false,
      cycle: 0,
    });
  }
  return [...found.values()];
}

export function graph(inside: Inside[], outside: Group[], all: Line[]): Graph {
  return {
    place: "pod",
    inside,
    groups: outside,
    lines: all,
    selected: null,
    places: 0,
    dense: false,
    steps: STEPS,
    before: {},
  };
}

export const anyGraph: fc.Arbitrary<Graph> = fc
  .tuple(
    fc.integer({ min: 1, max: 120 }),
    fc.integer({ min: 0, max: 76 }),
    fc.integer({ min: 1, max: 6 }),
    fc.integer({ min: 0, max: 400 }),
    fc.integer(),
  )
  .map(([n, m, most, count, seed]) => {
    const inside = processes(n);
    const outside = groups(m, most);
    return graph(inside, outside, lines(drawFrom(seed), count, inside, outside, 6));
  });

/** Few enough for labels on all lines and open cards. */
export const smallGraph: fc.Arbitrary<Graph> = fc
  .tuple(
    fc.integer({ min: 1, max: 7 }),
    fc.integer({ min: 0, max: 12 }),
    fc.integer({ min: 1, max: 4 }),
    fc.integer({ min: 0, max: 24 }),
    fc.integer(),
  )
  .map(([n, m, most, count, seed]) => {
    const inside = processes(n);
    const outside = groups(m, most);
    return graph(inside, outside, lines(drawFrom(seed), count, inside, outside, 20));
  });

/** 100 inside, 300 outside in 60 services, 1000 lines. */
export function largest(): Graph {
  const inside = processes(100);
  const outside = groups(60, 9);
  return graph(inside, outside, lines(drawFrom(3), 1000, inside, outside, 3));
}

function drawFrom(seed: number): Draw {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
