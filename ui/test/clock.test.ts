import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ahead, learnClock } from "../src/frame/health";

const NOW = Date.parse("2026-11-23T02:41:07.900Z");
const date = (ms: number): string => new Date(ms).toUTCString();

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  ahead.value = 0;
});
afterEach(() => {
  vi.useRealTimers();
});

test("a Date that the server made a while ago does not set the clock back", () => {
  learnClock(date(NOW - 1900), 20);
  expect(ahead.value).toBe(0);
  learnClock(date(NOW - 2900), 1200);
  expect(ahead.value).toBe(0);
});

test("a clock that is elsewhere is learnt once, and stays", () => {
  const hour = 3_600_000;
  learnClock(date(NOW - hour), 20);
  const learnt = ahead.value;
  expect(Math.abs(learnt + hour)).toBeLessThan(1100);
  for (const late of [0, 300, 900, 1400]) {
    vi.setSystemTime(NOW + late);
    learnClock(date(NOW + late - hour), 20);
    expect(ahead.value).toBe(learnt);
  }
  learnClock(date(NOW + 1400), 20);
  expect(ahead.value).toBe(0);
});
