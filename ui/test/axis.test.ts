import { expect, test } from "vitest";
import { around, dragged, spoken, tickText, ticks } from "../src/axis/ticks";
import { heat, shade, ticks as heatTicks, told } from "../src/line/heat";
import { paths, thinned } from "../src/line/Spark";

test("ticks are round and at most eight", () => {
  expect(ticks({ start: 1000, seconds: 900 }, 0)).toEqual([1200, 1500, 1800]);
  for (const seconds of [60, 900, 5400, 86400, 604800]) {
    const made = ticks({ start: 12345, seconds }, 3600);
    expect(made.length).toBeGreaterThan(1);
    expect(made.length).toBeLessThanOrEqual(8);
  }
});

test("a day is written once", () => {
  const at = (text: string): number => Date.parse(text) / 1000;
  const hour = { start: at("2020-01-01T00:30:00"), seconds: 3600 };
  expect(spoken(hour)).toBe("Wed 1 Jan 2020 00:30:00 to 01:30:00");
  expect(spoken({ ...hour, start: at("2020-01-01T23:30:00") })).toBe("Wed 1 Jan 2020 23:30:00 to Thu 2 Jan 2020 00:30:00");
  const axis = { start: at("2019-12-31T23:30:00"), seconds: 7200 };
  expect([axis.start, axis.start + 1800, axis.start + 3600].map((tick) => tickText(tick, axis))).toEqual(["23:30", "1 Jan", "00:30"]);
  expect(tickText(axis.start + 5, { ...axis, seconds: 300 })).toBe("23:30:05");
});

test("the axis never shows the future", () => {
  const window = { live: false, start: 1000, seconds: 60 } as const;
  const axis = around(window, window, 1070);
  expect(axis.start + axis.seconds).toBe(1070);
});

test("a window is dragged by its edges, by its body, or anew", () => {
  const span = { start: 100, seconds: 50 };
  expect(dragged(span, "body", 0, 10)).toEqual({ start: 110, seconds: 50 });
  expect(dragged(span, "start", 0, 60)).toEqual({ start: 149, seconds: 1 });
  expect(dragged(span, "end", 0, -100)).toEqual({ start: 100, seconds: 1 });
  expect(dragged(span, "new", 200, -20)).toEqual({ start: 180, seconds: 20 });
});

test("a gap is a gap: never joined, never zero", () => {
  const { line } = paths([1, 2, null, 3, 4], 40, 20);
  expect(line.match(/M/g)).toHaveLength(2);
  expect(thinned([null, null, 3, null], 2)).toEqual([null, 3]);
});

test("a heatmap says what stands in a cell", () => {
  const map = heat(2, [
    { step: 0, lowNs: 1000, highNs: 2000, count: 9 },
    { step: 0, lowNs: 2000, highNs: 4000, count: 1 },
  ]);
  if (!map) throw new Error("no map");
  expect(told(map, 0, 0).text).toBe("1 µs to 2 µs, 9 of 10");
  expect(told(map, 0, 5)).toEqual({ text: "2 µs to 4 µs, 1 of 10", up: 1 });
  expect(told(map, 1, 0).text).toBe("nothing was timed");
  expect(heatTicks(map)).toEqual([1000]);
  expect([0, 0.01, 0.03, 0.1, 0.3, 0.5].map(shade)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(heat(2, [])).toBeNull();
});
