/** Is each process, peer and line called what it is, and is nothing of an answer lost on the picture? */

import { describe, expect, it } from "vitest";

import type { WholeTopology } from "../src/generated/questions";
import { csv } from "../src/topology/export/data";
import { fold, wider } from "../src/topology/fold";
import { layout } from "../src/topology/layout/layout";
import { scene, type Wishes } from "../src/topology/scene";
import { sorted } from "../src/topology/table/columns";
import { first, read, showing, whole, written } from "../src/topology/view/frame";
import { nearest, stops } from "../src/topology/view/neighbours";
import { answer, line } from "./answers";
import { groups } from "./graphs";

const WISHES: Wishes = { width: "rate", selected: null, stale: false, dense: false, places: 0, changes: null };
const small = answer({ inside: 3, groups: 4, members: 2, lines: 0 });
const LARGE = answer({ inside: 40, groups: 28, members: 5, lines: 400 });

function withLines(...edges: WholeTopology["edges"]): WholeTopology {
  return { ...small, edges };
}

describe("a line", () => {
  it("is called by its ends and its word, whatever they are called", () => {
    const made = scene(withLines(line("a", "p1", "10.0.2.0:9080", 214)), WISHES);
    const [shown] = [...made.lines.values()];
    expect(shown).toMatchObject({ client: "<script>", server: "10.0.2.0:9080", label: "mTLS", why: "" });
    expect(made.graph.lines).toMatchObject([{ label: "mTLS", note: "214/s", state: "healthy" }]);
  });

  it("stands for all ports with the same ends and word, in the worst state of them", () => {
    const bad = { state: "SLOW" as const, reasons: ["the client sent 31 segments again"], brief: "3.1 % retransmit" };
    const made = scene(
      withLines(
        line("a", "p0", "p1", 214),
        line("b", "p0", "p1", 3, { port: 81, ...bad }),
        line("c", "p0", "p1", 1, { label: "gRPC" }),
      ),
      WISHES,
    );
    const shown = [...made.lines.values()];
    expect(shown.map((one) => [one.label, one.edges.map((edge) => edge.id), one.why])).toEqual([
      ["mTLS", ["b", "a"], "slow: the client sent 31 segments again"],
      ["gRPC", ["c"], ""],
    ]);
    expect(made.graph.lines[0]).toMatchObject({ note: "3.1 % retransmit", rate: 217 });
    expect(made.lineOf.get("a")).toBe(shown[0]?.id);
    expect(made.counts).toMatchObject({ lines: 3, slow: 1, failing: 0 });
  });

  it("moves when bytes moved in the last two seconds, and is dashed when not all was seen", () => {
    const old = { lastTraffic: small.window.from };
    const made = scene(
      withLines(
        line("a", "p0", "p1", 214),
        line("b", "p1", "p0", 214, old),
        line("c", "p2", "p0", 1, { seenShare: 0.9 }),
      ),
      WISHES,
    );
    expect(made.graph.lines.map((one) => [one.from, one.cycle > 0, one.partial])).toEqual([
      ["p1", false, false],
      ["p0", true, false],
      ["p2", true, true],
    ]);
    const stale = scene(withLines(line("a", "p0", "p1", 214)), { ...WISHES, stale: true });
    expect(stale.graph.lines).toMatchObject([{ cycle: 0, partial: true }]);
  });

  it("of a comparison says what it became", () => {
    const changes = new Map([
      ["a", { state: "failing" as const, note: "RTT p99 ×230", gone: false }],
      ["b", { state: "healthy" as const, note: "gone", gone: true }],
    ]);
    const made = scene(withLines(line("a", "p0", "p1", 214), line("b", "p1", "p0", 1)), { ...WISHES, changes });
    expect([...made.lines.values()].map((one) => [one.why, one.brief])).toEqual([
      ["worse: RTT p99 ×230", "RTT p99 ×230"],
      ["", "gone"],
    ]);
    expect(made.graph.lines[1]).toMatchObject({ gone: true, cycle: 0 });
  });
});

describe("an answer", () => {
  it("is on the picture whole: each edge on one line, each peer on one card", () => {
    const made = scene(LARGE, WISHES);
    expect([...made.lineOf.keys()].sort()).toEqual(LARGE.edges.map((edge) => edge.id).sort());
    const picture = layout(made.graph);
    expect(picture.wires.map((wire) => wire.id).sort()).toEqual([...made.lines.keys()].sort());
    expect(picture.cards.reduce((sum, card) => sum + card.members, 0)).toBe(140);
  });

  it("of more groups than places is folded, by namespace or network, and then never more than 38 on a side", () => {
    const many = groups(200, 3).map((group, i) => ({
      ...group,
      name: i % 2 ? `10.${i % 7}.${i}.0/24` : `app${i}.team-${i % 5}`,
    }));
    const { groups: kept, folded, into } = fold(many);
    expect([folded, into]).toEqual([200, kept.length]);
    for (const side of ["client", "server"])
      expect(kept.filter((group) => group.side === side).length).toBeLessThanOrEqual(38);
    expect(kept.flatMap((group) => group.members)).toHaveLength(many.flatMap((group) => group.members).length);
    expect([wider("reviews.default"), wider("10.0.3.0/24"), wider("10.0.3.7:80"), wider("2001:db8:1:2::/64")]).toEqual([
      "default",
      "10.0.0.0/16",
      "10.0.0.0/16",
      "2001:db8:1::/48",
    ]);
  });
});

describe("the picture on the screen", () => {
  const box = { x: -450, y: -340, w: 900, h: 660 };

  it("is never smaller than it was drawn at first sight, and never below half on request", () => {
    expect(first(box, { w: 760, h: 600 }).k).toBe(1);
    expect(first(box, { w: 2600, h: 1400 }).k).toBe(1.5);
    expect(whole(box, { w: 760, h: 600 }).k).toBeCloseTo(0.827, 2);
    expect(whole(box, { w: 200, h: 200 }).k).toBe(0.5);
  });

  it("begins below the bar wherever there is room for that", () => {
    const top = (h: number): number => first(box, { w: 700, h }).y + box.y;
    expect([760, 740, 690, 676].map(top)).toEqual([52, 52, 22, 8]);
    expect(first(box, { w: 1400, h: 800 }).y + box.y).toBeGreaterThanOrEqual(52);
  });

  it("is moved as little as shows what is asked for", () => {
    const size = { w: 760, h: 600 };
    const at = first(box, size);
    expect(showing({ x: -40, y: -40, w: 80, h: 80 }, size, at)).toEqual(at);
    const moved = showing({ x: 300, y: -20, w: 140, h: 40 }, size, at);
    expect(moved.x + 440).toBe(754);
    expect(read(written(moved, size), size)?.x).toBeCloseTo(moved.x, -1);
    expect(read("1,2", size)).toBeNull();
  });

  it("is walked by arrows to the nearest that way", () => {
    const picture = layout(scene(withLines(line("a", "p0", "10.0.2.0:9080", 1)), WISHES).graph);
    const at = stops(picture);
    const from = at.get("p0") ?? { x: 1, y: 1 };
    expect(nearest(from, "ArrowUp", at, "p0")).toBe("p1");
    expect(nearest(from, "ArrowDown", at, "p0")).toBe("p2");
    expect(nearest(from, "ArrowRight", at, "p0")).toBe("10.0.2.0:9080");
    expect(nearest(at.get("p1") ?? from, "ArrowUp", at, "p1")).toBeNull();
  });
});

describe("lines as rows", () => {
  const edges = [
    line("a", "p0", "p1", 5),
    line("b", "p1", "p0", 50, { retransmitShare: null }),
    line("c", "p2", "p0", 1, { state: "SLOW", retransmitShare: 0.03 }),
  ];
  const names = (edge: { client: string; server: string }) => ({ client: edge.client, server: edge.server });

  it("come the worst first, or as asked, with what is not known last", () => {
    const ids = (sort: string | null) =>
      sorted(edges, sort, names)
        .map((edge) => edge.id)
        .join("");
    expect([ids(null), ids("-rate"), ids("rate"), ids("-retransmit"), ids("retransmit"), ids("client")]).toEqual([
      "cab",
      "bac",
      "cab",
      "cab",
      "acb",
      "abc",
    ]);
  });

  it("are CSV that a sheet reads and does not run", () => {
    const evil = withLines(line("a", "p1", "p0", 5, { reasons: ['=cmd|"x"', "b"], state: "SLOW" }));
    const [head = "", row = ""] = csv(evil).split("\r\n");
    expect(head.split(",").slice(0, 3)).toEqual(["client", "server", "edge"]);
    expect(row).toContain(`<script>,envoy,a,p1,p0,10.1.0.7:9080,9080`);
    expect(row).toContain(`"'=cmd|""x""; b"`);
  });
});
