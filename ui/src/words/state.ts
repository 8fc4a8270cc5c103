/* Which states need a look, and which of two is worse. Pure. */

const WORST_FIRST = ["FAILING", "SLOW", "HEALTHY", "NONE"];

/** 0 for the worst. */
export function rank(state: string): number {
  const found = WORST_FIRST.indexOf(state);
  return found < 0 ? WORST_FIRST.length : found;
}

export const bad = (state: string): boolean => state === "FAILING" || state === "SLOW";

/** For `data-problem`, which rows that need a look carry. */
export const problem = (state: string): boolean | undefined => (bad(state) ? true : undefined);
