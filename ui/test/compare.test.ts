import { expect, test } from "vitest";
import type { Changed } from "../src/generated/questions";
import { axisWith, pair } from "../src/compare/windows";
import { difference, figureName, summary } from "../src/compare/words";

const row = (part: Partial<Changed>): Changed => ({
  edge: "1", clientName: "a", serverName: "b", label: "HTTP", kind: "CHANGED", metric: "rate", a: 1, b: 2, change: 2,
  direction: "AMOUNT", sure: 9, sentence: "", ...part,
});

test("a change reads as its kind", () => {
  expect(difference(row({ change: 230 }))).toBe("×230");
  expect(difference(row({ change: 0.62 }))).toBe("−38\u2009%");
  expect(difference(row({ metric: "retransmit", a: 0, b: 0.031, change: null }))).toBe("+3.1 pts");
  expect(difference(row({ metric: "drop", a: 0, b: 4, change: null }))).toBe("+4/s");
  expect(difference(row({ kind: "NEW" }))).toBe("new");
  expect(figureName("write_rtt")).toBe("write RTT p99");
});

test("lines are counted, not rows", () => {
  const rows = [row({ direction: "WORSE" }), row({ direction: "WORSE", metric: "bytes" }), row({ edge: "2", kind: "NEW" })];
  expect(summary(rows)).toBe("1 worse · 1 new");
  expect(summary([])).toBe("nothing changed");
});

test("A is right before B when only B is known", () => {
  expect(pair(undefined, undefined, 1000)).toEqual({ a: { start: 400, seconds: 300 }, b: { start: 700, seconds: 300 } });
  const { a, b } = pair("1970-01-01T00:10:00Z+60s", undefined, 1000);
  expect([a, b]).toEqual([{ start: 600, seconds: 60 }, { start: 940, seconds: 60 }]);
  const axis = axisWith(a, b, 1000);
  expect(axis.start).toBe(520);
  expect(axis.start + axis.seconds).toBe(1000);
});
