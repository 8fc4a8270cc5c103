import { describe, expect, test } from "vitest";
import * as numbers from "../src/words/numbers";

const ROWS: [string, (value: number) => string, [number, string][]][] = [
  ["count", numbers.count, [[0, "0"], [7, "7"], [3102, "3\u2009102"], [64210, "64\u2009210"], [1_234_567, "1.23 M"]]],
  ["rate", numbers.rate, [[0, "0/s"], [0.07, "0.07/s"], [214.4, "214/s"], [1200, "1.2 k/s"], [999.7, "1 k/s"]]],
  ["bytes", numbers.bytes, [[812, "812 B"], [118_000, "118 kB"], [1.2e9, "1.2 GB"], [0, "0 B"]]],
  [
    "time",
    numbers.time,
    [[41, "41 ns"], [14_200, "14.2 µs"], [38.4e6, "38.4 ms"], [1.03e9, "1.03 s"], [408e9, "6 min 48 s"], [0, "0 ns"]],
  ],
  ["span", numbers.span, [[40, "40 s"], [60, "1 min"], [408, "6 min 48 s"], [10800, "3 h"], [90000, "1 d 1 h"]]],
  [
    "share",
    numbers.share,
    [[0, "0.00\u2009%"], [0.031, "3.1\u2009%"], [0.93, "93\u2009%"], [1, "100\u2009%"], [0.9999, "99.990\u2009%"]],
  ],
  ["change", numbers.change, [[230, "×230"], [0.62, "−38\u2009%"], [1.04, "+4\u2009%"], [1, "="]]],
];

describe("numbers as the page writes them", () => {
  for (const [name, write, cases] of ROWS) {
    test.each(cases)(`${name} %d is %s`, (value, text) => expect(write(value)).toBe(text));
  }

  test("what is not known is a dash, never 0", () => {
    for (const write of [numbers.count, numbers.rate, numbers.bytes, numbers.time, numbers.share]) {
      expect(write(null)).toBe("–");
      expect(write(undefined)).toBe("–");
    }
  });

  test("a clock names the day when it is not today's", () => {
    const now = new Date(2026, 10, 23, 3, 0, 0);
    expect(numbers.clock(new Date(2026, 10, 23, 2, 49, 31), now)).toBe("02:49:31");
    expect(numbers.clock(new Date(2026, 10, 22, 16, 20, 11), now)).toBe("yesterday 16:20:11");
    expect(numbers.clock(new Date(2026, 10, 21, 9, 3, 30), now)).toBe("Sat 21 Nov 09:03:30");
  });

  test("names are cut in the middle", () => expect(numbers.shorten("node-exporter", 9)).toBe("node…rter"));
});
