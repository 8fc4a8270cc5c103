/** Every example of the rules for numbers. */

import { expect, it } from "vitest";

import { byteRate, bytes, change, clock, count, duration, pair, points, rate, share, time } from "../src/words";

const plain = (text: string): string => text.replaceAll("\u202f", " ").replaceAll("\u00a0", " ");

it.each([
  [rate(0.07), "0.07/s"],
  [rate(214), "214/s"],
  [rate(1234), "1.23 k/s"],
  [rate(0), "0/s"],
  [rate(null), "–"],
  [rate(999.7), "1 k/s"],
  [time(41), "41 ns"],
  [time(14_200), "14.2 µs"],
  [time(38.4e6), "38.4 ms"],
  [time(1.03e9), "1.03 s"],
  [time(408e9), "6 min 48 s"],
  [time(999_800), "1 ms"],
  [time(7_200e9), "2 h"],
  [duration(90_061), "1 d 1 h"],
  [duration(40), "40 s"],
  [time(59.99e9), "1 min"],
  [pair(14_200, 61_000), "avg 14.2 · p99 61 µs"],
  [pair(900, 61_000), "avg 900 ns · p99 61 µs"],
  [bytes(812), "812 B"],
  [byteRate(118_000), "118 kB/s"],
  [bytes(1.2e9), "1.2 GB"],
  [share(0), "0.00 %"],
  [share(0.031), "3.1 %"],
  [share(0.93), "93 %"],
  [share(0.9998), "99.98 %"],
  [share(1), "100 %"],
  [share(0.99999), "99.99 %"],
  [change(0.92, 212), "×230"],
  [change(1.3, 0.81), "−38 %"],
  [change(210, 214), "+2 %"],
  [change(null, 1), "new"],
  [change(1, null), "gone"],
  [change(5, 5), "="],
  [points(0, 0.031), "+3.1 pts"],
  [points(0.2, 0.19), "−1.0 pts"],
  [count(3102), "3 102"],
  [count(64_210), "64 210"],
  [count(1_234_567), "1.23 M"],
  [count(undefined), "–"],
])("%s", (text, wanted) => {
  expect(plain(text)).toBe(wanted);
});

it("the clock says the day when it is another", () => {
  const now = new Date(2026, 10, 23, 12, 0, 0).getTime();
  expect(clock(new Date(2026, 10, 23, 2, 49, 31).getTime(), now)).toBe("02:49:31");
  expect(clock(new Date(2026, 10, 22, 16, 20, 11).getTime(), now)).toBe("yesterday 16:20:11");
  expect(clock(new Date(2026, 9, 2, 1, 2, 3).getTime(), now)).toBe("2026-10-02 01:02:03");
});
