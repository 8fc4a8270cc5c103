/** The laws of the picture: nothing overlaps, nobody moves, the same graph gives the same bytes. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { cell, cells, grid } from "../src/topology/layout/hexagon";
import { layout } from "../src/topology/layout/layout";
import { under, widthStep } from "../src/topology/layout/lines";
import type { Box, Graph, Picture } from "../src/topology/layout/model";
import { columnsFor, order } from "../src/topology/layout/sides";
import { anyGraph, graph, groups, largest, processes, smallGraph } from "./graphs";

const RUNS = { numRuns: 60 };

function chipBoxes(picture: Picture): Box[] {
  return picture.chips.map((chip) => ({ x: chip.x - chip.w / 2, y: chip.y - chip.h / 2, w: chip.w, h: chip.h }));
}

function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

function overlaps(picture: Picture): number {
  const labels = picture.wires.flatMap((wire) => (wire.label ? [wire.label] : []));
  const boxes: Box[] = [...chipBoxes(picture), ...picture.cards, ...labels];
  let found = 0;
  boxes.forEach((box, i) => (found += boxes.slice(0, i).filter((other) => overlap(box, other)).length));
  return found;
}

/** Places of chips, and the middle and inner edge of cards, by id. */
function places(picture: Picture): Map<string, string> {
  const chips = picture.chips.map((chip) => [chip.id, `${chip.x} ${chip.y}`] as const);
  const cards = picture.cards.map((card) => [card.id, `${card.x} ${card.y + card.h / 2}`] as const);
  return new Map([...chips, ...cards]);
}

function moved(before: Picture, after: Picture): string[] {
  const now = places(after);
  return [...places(before)].filter(([id, place]) => now.has(id) && now.get(id) !== place).map(([id]) => id);
}

describe("overlap", () => {
  it("is none of chips, cards and labels", () => {
    fc.assert(
      fc.property(anyGraph, (any) => {
        expect(overlaps(layout(any))).toBe(0);
      }),
      RUNS,
    );
    fc.assert(
      fc.property(smallGraph, (any) => {
        expect(overlaps(layout(any))).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it("leaves a bad line its reason where there is no room for the protocol, too", () => {
    const [group] = groups(1, 1);
    const line = {
      ...{ id: "in", from: group?.members[0]?.id ?? "", to: "p0", label: "HTTPS", note: "1.6 % retransmit", state: "slow" as const },
      ...{ rate: 10, partial: false, gone: false, cycle: 0 },
    };
    const [wire] = layout(graph(processes(2), group ? [group] : [], [line])).wires;
    expect(wire?.label).toMatchObject({ text: "", note: "1.6 % retransmit" });
  });

  it("is none in the largest picture, and every bad line says so", () => {
    const picture = layout(largest());
    expect(overlaps(picture)).toBe(0);
    const bad = picture.wires.filter((wire) => wire.state !== "healthy");
    expect(bad.length).toBeGreaterThan(15);
    expect(bad.filter((wire) => wire.label === null && wire.sign === null)).toEqual([]);
    expect(picture.wires).toHaveLength(1000);
  });
});

describe("places", () => {
  it("are kept when processes, groups and lines arrive or leave", () => {
    fc.assert(
      fc.property(anyGraph, fc.integer({ min: 0, max: 1e6 }), (any, seed) => {
        const before = layout(any);
        const stays = (id: string, i: number): boolean => (id.length * 7 + i * 31 + seed) % 3 > 0;
        const inside = any.inside.filter((process, i) => stays(process.id, i));
        const outside = any.groups.filter((group, i) => stays(group.id, i));
        const after = layout({
          ...any,
          inside,
          groups: outside,
          lines: [],
          places: any.inside.length,
          dense: before.dense,
        });
        expect(moved(before, after)).toEqual([]);
      }),
      RUNS,
    );
  });

  it("do not hang on the order of what is given", () => {
    fc.assert(
      fc.property(anyGraph, (any) => {
        const turned: Graph = {
          ...any,
          inside: [...any.inside].reverse(),
          groups: [...any.groups].reverse(),
          lines: [...any.lines].reverse(),
        };
        const [one, other] = [layout(any), layout(turned)];
        expect(moved(one, other)).toEqual([]);
        expect(new Map(other.wires.map((wire) => [wire.id, wire]))).toEqual(
          new Map(one.wires.map((wire) => [wire.id, wire])),
        );
      }),
      RUNS,
    );
  });

  it("of an inside ordinal are the same in every number of rings of one size", () => {
    for (const ordinal of [0, 1, 6, 7, 18, 36, 60])
      expect(cell(ordinal, grid(cells(4)))).toEqual(cell(ordinal, grid(cells(2))));
    expect([7, 8, 19, 20, 37, 61, 91, 100, 127].map((n) => grid(n).rings)).toEqual([1, 2, 2, 3, 3, 4, 5, 6, 6]);
  });

  it("are all different, 38 on a side of a dense picture", () => {
    const columns = columnsFor(grid(100), [], true);
    const cells = order(columns).map(({ column, row }) => `${column}/${row}`);
    expect(new Set(cells).size).toBe(38);
    expect(cells.slice(0, 5)).toEqual(["0/0", "0/-1", "0/1", "0/-2", "0/2"]);
    expect(cells.slice(-3)).toEqual(["0/4", "0/5", "0/6"]);
  });
});

it("the same graph gives the same bytes", () => {
  fc.assert(
    fc.property(anyGraph, (any) => {
      expect(JSON.stringify(layout(any))).toBe(JSON.stringify(layout(any)));
    }),
    RUNS,
  );
});

describe("lines", () => {
  it("of both directions and of two labels never coincide", () => {
    const inside = processes(3);
    const line = (from: string, to: string, label: string) => ({
      id: `${from}${to}${label}`,
      from,
      to,
      label,
      note: "1/s",
      state: "healthy" as const,
      rate: 1,
      partial: false,
      gone: false,
      cycle: 0,
    });
    const picture = layout(
      graph(
        inside,
        [],
        [line("p0", "p1", "HTTP"), line("p1", "p0", "HTTP"), line("p0", "p1", "gRPC"), line("p0", "p0", "TCP")],
      ),
    );
    expect(new Set(picture.wires.map((wire) => wire.path)).size).toBe(4);
    expect(picture.wires.every((wire) => !wire.path.includes("NaN"))).toBe(true);
  });

  it("of three processes run under none of them", () => {
    const inside = processes(3);
    const pairs = inside.flatMap((a) => inside.filter((b) => b !== a).map((b) => [a.id, b.id] as const));
    const all = pairs.map(([from, to]) => ({
      ...{ id: `${from}>${to}`, from, to, label: "HTTP", note: "", state: "healthy" as const, rate: 9 },
      ...{ partial: false, gone: false, cycle: 0 },
    }));
    const picture = layout(graph(inside, [], all));
    const crossing = picture.wires.filter((wire) => {
      const others = picture.chips.filter((chip) => chip.id !== wire.from && chip.id !== wire.to);
      const [a, b, c, d, e, f, g, h] = (wire.path.match(/-?\d+(\.\d+)?/g) ?? []).map(Number);
      const point = (x?: number, y?: number) => ({ x: x ?? NaN, y: y ?? NaN });
      return under([point(a, b), point(c, d), point(e, f), point(g, h)], others);
    });
    expect(crossing.map((wire) => wire.id)).toEqual([]);
  });

  it("leave a step of width only 20 % beyond its border", () => {
    const steps = [1, 10, 100, 1000];
    expect([9, 11, 13].map((rate) => widthStep(rate, steps, 1))).toEqual([1, 1, 2]);
    expect([9, 7].map((rate) => widthStep(rate, steps, 2))).toEqual([2, 1]);
    expect(widthStep(2000, steps, 1)).toBe(4);
    expect(widthStep(0.2, steps, undefined)).toBe(0);
  });
});
