import { expect, test } from "vitest";
import { href, parse } from "../src/frame/address";
import { asked, at, onward, read, written } from "../src/frame/window";

test("a window is written as it is read", () => {
  for (const text of ["live-5m", "live-90s", "live-2h", "2026-11-23T02:41:00Z+300s"]) {
    const window = read(text);
    expect(window && written(window)).toBe(text);
  }
  for (const text of [null, "", "live-0s", "live-5y", "yesterday+5s", "2026-11-23T02:41:00Z"]) expect(read(text)).toBeNull();
});

test("a live window ends with seconds that are in the store", () => {
  const span = at({ live: true, seconds: 60 }, 1000.9);
  expect(span).toEqual({ start: 938, seconds: 60 });
  expect(asked(span)).toEqual({ from: "1970-01-01T00:15:38Z", to: "1970-01-01T00:16:38Z" });
});

test("a live window does not go back, except when a clock was wrong", () => {
  expect(onward(1000, { start: 938, seconds: 60 })).toEqual({ start: 940, seconds: 60 });
  expect(onward(1000, { start: 941, seconds: 60 })).toEqual({ start: 941, seconds: 60 });
  expect(onward(5000, { start: 938, seconds: 60 })).toEqual({ start: 938, seconds: 60 });
});

test("an address keeps ids with =, / and +, and times with + and :", () => {
  const path = ["i", "cmV2aWV3cw==.1_cG9k/L+==", "topology"];
  const query = { w: "2026-11-23T02:41:00Z+300s", q: "a&b=c <script>" };
  const [pathname, search] = href(path, query).split("?");
  expect(parse(pathname ?? "", search ?? "")).toEqual({ path, query });
  expect(search).toContain("w=2026-11-23T02:41:00Z+300s");
});
