/** Lines of closed cards run together, and clear of the other cards. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { layout } from "../src/topology/layout/layout";
import { graph, groups, processes } from "./graphs";

/** Points of an SVG path of M, L, H, C, some pixels apart. */
function points(path: string): { x: number; y: number }[] {
  const found: { x: number; y: number }[] = [];
  let at = { x: 0, y: 0 };
  for (const [, verb, rest] of path.matchAll(/([MLC])([^MLC]*)/g)) {
    const n = (rest ?? "").split(/[ ,]/).map(Number);
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = n;
    const from = at;
    const curve = verb === "C" ? [from.x, from.y, a, b, c, d, e, f] : [from.x, from.y, from.x, from.y, a, b, a, b];
    if (verb !== "M") for (let i = 0; i <= 60; i += 1) found.push(bezier(curve, i / 60));
    at = verb === "C" ? { x: e, y: f } : { x: a, y: b };
  }
  return found;
}

function bezier(
  [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0]: number[],
  t: number,
): { x: number; y: number } {
  const u = 1 - t;
  const w = [u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t] as const;
  return { x: w[0] * a + w[1] * c + w[2] * e + w[3] * g, y: w[0] * b + w[1] * d + w[2] * f + w[3] * h };
}

/** All seats taken, some in both directions. */
const full = fc
  .tuple(fc.integer({ min: 8, max: 120 }), fc.integer({ min: 30, max: 76 }), fc.integer({ min: 1, max: 3000 }))
  .map(([n, m, rate]) => {
    const inside = processes(n);
    const outside = groups(m, 5);
    const both = outside.flatMap((group, i) => {
      const [process, member] = [inside[i % n]?.id ?? "", group.members[0]?.id ?? ""];
      const ends =
        i % 4 === 0
          ? [
              [process, member],
              [member, process],
            ]
          : [[process, member]];
      return ends.map(([from = "", to = ""]) => ({
        id: `${from}>${to}`,
        from,
        to,
        label: "HTTP",
        note: "",
        state: "healthy" as const,
        rate,
        partial: false,
        gone: false,
        cycle: 0,
      }));
    });
    return graph(inside, outside, both);
  });

describe("trunks", () => {
  it("pass under no card but end at their own", () => {
    fc.assert(
      fc.property(full, (any) => {
        const picture = layout(any);
        for (const trunk of picture.trunks) {
          const half = trunk.width / 2;
          const under = picture.cards.filter(
            (card) =>
              card.id !== trunk.card &&
              points(trunk.path).some(
                (p) => p.x > card.x && p.x < card.x + card.w && p.y > card.y - half && p.y < card.y + card.h + half,
              ),
          );
          expect(under.map((card) => `${trunk.id} under ${card.id}`)).toEqual([]);
          const own = picture.cards.find((card) => card.id === trunk.card);
          const end = points(trunk.path).at(-1);
          expect(own && end && end.y > own.y && end.y < own.y + own.h).toBe(true);
        }
      }),
      { numRuns: 20 },
    );
  });

  it("are as wide as their lines together, and in the worst state of them", () => {
    const inside = processes(30);
    const outside = groups(3, 4);
    const peers = outside[1]?.members.map((member) => member.id) ?? [];
    const all = peers.map((to, i) => ({
      id: `l${i}`,
      from: "p1",
      to,
      label: "HTTP",
      note: "",
      state: i === 1 ? ("slow" as const) : ("healthy" as const),
      rate: 60,
      partial: false,
      gone: false,
      cycle: 0,
    }));
    const picture = layout(graph(inside, outside, all));
    expect(picture.trunks).toMatchObject([{ id: "to g1", state: "slow", width: 4.25 }]);
  });
});
