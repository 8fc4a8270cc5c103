/* What a view says when it has nothing, nothing new, or not all. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Trouble } from "../api/poll";
import { clock } from "../words/numbers";

const ROWS = 6;

/** Seconds until a moment (ms), counted down while it is on screen. */
export function useSecondsUntil(moment: number): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 250);
    return () => clearInterval(timer);
  }, []);
  return Math.max(0, Math.ceil((moment - now) / 1000));
}

/** True from `after` ms on: a skeleton that flashes is worse than none. */
export function useLater(after = 200): boolean {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), after);
    return () => clearTimeout(timer);
  }, [after]);
  return late;
}

export function Banner({ kind, children }: { kind: "error" | "stale" | "partial"; children: ComponentChildren }) {
  return (
    <div class={`banner ${kind}`} role={kind === "error" ? "alert" : "status"}>
      {children}
    </div>
  );
}

/** `what`: "the topology"; `at`: when what is on screen was measured, ms, 0 for nothing. */
export function ErrorBanner({ trouble, what, at, now }: { trouble: Trouble; what: string; at: number; now: () => void }) {
  const left = useSecondsUntil(trouble.next);
  const lasted = Math.max(1, Math.round((Date.now() - trouble.since) / 1000));
  const asked = trouble.times > 1 ? ` Asked for ${what} ${trouble.times} times in ${lasted} s: ${trouble.message}.` : "";
  const first = trouble.refused
    ? `The server cannot answer for ${what}: ${trouble.message}.`
    : `The server did not answer${asked === "" ? `: ${trouble.message}` : ""}.${asked}`;
  return (
    <Banner kind="error">
      <span>
        {first}
        {at > 0 ? ` What is on screen was measured at ${clock(at)}.` : ""} Next try in {left} s.
      </span>
      <button type="button" onClick={now}>
        Try now
      </button>
    </Banner>
  );
}

/** What there is while an answer is on its way; `what` is asked for. */
export function Skeleton({ what }: { what: string }) {
  if (!useLater()) return null;
  return (
    <div class="skeleton">
      <p role="status">Asking the server for {what}.</p>
      {Array.from({ length: ROWS }, (_, row) => (
        <i key={row} aria-hidden="true" />
      ))}
    </div>
  );
}
