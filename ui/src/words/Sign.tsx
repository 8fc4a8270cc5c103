/* The sign of a state: a form for each, so that colour never stands alone. */
import type { State } from "../generated/questions";

export type Shown = State | "BETTER" | "WORSE";

export const WORDS: Record<Shown, string> = {
  FAILING: "failing",
  SLOW: "slow",
  HEALTHY: "healthy",
  NONE: "no data",
  BETTER: "better",
  WORSE: "worse",
};

const CLASSES: Record<Shown, string> = {
  FAILING: "fail",
  SLOW: "slow",
  HEALTHY: "ok",
  NONE: "none",
  BETTER: "better",
  WORSE: "fail",
};

/** `quiet`: the word stands beside it, so it is not read aloud twice. */
export function Sign({ state, quiet = false }: { state: Shown; quiet?: boolean }) {
  const naming = quiet ? { "aria-hidden": true } : { role: "img" as const, "aria-label": WORDS[state] };
  return (
    <svg class={`sign ${CLASSES[state]}`} width="14" height="14" viewBox="-7 -7 14 14" {...naming}>
      {state === "FAILING" || state === "WORSE" ? <path d="M0-6 6 0 0 6-6 0Z" /> : null}
      {state === "SLOW" ? <path d="M0-5.5 6 5H-6Z" /> : null}
      {state === "BETTER" ? <path d="M0 5.5 6-5H-6Z" /> : null}
      {state === "HEALTHY" ? <circle r="4.2" /> : null}
      {state === "NONE" ? <circle r="4.6" /> : null}
    </svg>
  );
}
