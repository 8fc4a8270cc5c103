/* Rules as a person writes, reads and copies them. Pure. */
import type { RuleInput, TaskRow } from "../generated/questions";

export interface Draft {
  path: string;
  minDurationMs: string;
  status4xx: boolean;
  status5xx: boolean;
}

export const NEW: Draft = { path: "", minDurationMs: "", status4xx: false, status5xx: false };
export const MOST_RULES = 8;
export const LONGEST_SECONDS = 86_400;

/** Durations that are offered; the last one is the longest that a server takes. */
export const DURATIONS = [
  { seconds: 60, name: "1 min" },
  { seconds: 300, name: "5 min" },
  { seconds: 600, name: "10 min" },
  { seconds: 1800, name: "30 min" },
  { seconds: LONGEST_SECONDS, name: "until stopped" },
] as const;

function regular(path: string): string | null {
  try {
    new RegExp(path);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^.*: /, "") : "cannot be read";
  }
}

/** Why a rule cannot be, or null. */
export function wrong(draft: Draft, number: number): string | null {
  const path = regular(draft.path);
  if (path !== null) return `Rule ${number}: the path is no regular expression: ${path.toLowerCase()}`;
  if (draft.minDurationMs !== "" && !/^\d{1,7}$/.test(draft.minDurationMs.trim())) {
    return `Rule ${number}: takes at least how many ms? A whole number.`;
  }
  return null;
}

export function input(draft: Draft): RuleInput {
  return {
    path: draft.path,
    minDurationMs: Number(draft.minDurationMs || 0),
    status4xx: draft.status4xx,
    status5xx: draft.status5xx,
  };
}

/** "when the path matches ^/api and it takes 200 ms or more, or when the answer is 5xx" */
export function inWords(rule: Pick<TaskRow["rules"][number], "status4xx" | "status5xx"> & { path: string; minDurationMs: number | null }): string {
  const path = rule.path === "" ? "" : `the path matches ${rule.path}`;
  const codes = [rule.status4xx ? "4xx" : "", rule.status5xx ? "5xx" : ""].filter((code) => code !== "").join(" or ");
  const slow = rule.minDurationMs ? `it takes ${rule.minDurationMs} ms or more` : "";
  if (slow === "" && codes === "") return path === "" ? "every exchange" : `every exchange when ${path}`;
  const causes = [slow, codes === "" ? "" : `the answer is ${codes}`].filter((cause) => cause !== "").join(", or ");
  return `an exchange when ${path === "" ? causes : `${path} and ${causes}`}`;
}

/** A word that the shell leaves as it is. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function ruleArgument(draft: Draft): string {
  const parts = [
    draft.path === "" ? "" : `path=${draft.path}`,
    draft.minDurationMs === "" ? "" : `min=${draft.minDurationMs}ms`,
    draft.status4xx ? "4xx" : "",
    draft.status5xx ? "5xx" : "",
  ].filter((part) => part !== "");
  return parts.length > 0 ? ` --rule ${quoted(parts.join(","))}` : "";
}

/** What starts the same task in a terminal. */
export function command(instance: string, seconds: number, drafts: Draft[]): string {
  const duration = seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`;
  return `hopscope task create ${quoted(instance)} --duration ${duration}${drafts.map(ruleArgument).join("")}`;
}
