import { expect, test } from "vitest";
import { NEW, command, inWords, wrong } from "../src/tasks/rules";

test("a rule reads as a sentence", () => {
  const rule = { path: "^/api", minDurationMs: 200, status4xx: false, status5xx: true };
  expect(inWords(rule)).toBe("an exchange when the path matches ^/api and it takes 200 ms or more, or the answer is 5xx");
  expect(inWords({ path: "", minDurationMs: 0, status4xx: false, status5xx: false })).toBe("every exchange");
});

test("a path that is no regular expression is said", () => {
  expect(wrong({ ...NEW, path: "(" }, 1)).toMatch(/^Rule 1: the path is no regular expression: /);
  expect(wrong({ ...NEW, minDurationMs: "fast" }, 2)).toMatch(/^Rule 2: /);
  expect(wrong({ ...NEW, path: "^/a.*", minDurationMs: "20" }, 1)).toBeNull();
});

test("the command is safe to paste", () => {
  const draft = { ...NEW, path: "^/a'b; rm -rf /", minDurationMs: "20", status5xx: true };
  expect(command("reviews-v1", 600, [draft])).toBe(
    `hopscope task create reviews-v1 --duration 10m --rule 'path=^/a'\\''b; rm -rf /,min=20ms,5xx'`,
  );
});
