/* Windows A and B, from the address. Pure. */
import { type Span, read } from "../frame/window";

const FIRST_SECONDS = 300;

function past(text: string | undefined): Span | null {
  const window = read(text ?? null);
  return window && !window.live ? { start: window.start, seconds: window.seconds } : null;
}

/** What is not given: B is the last five minutes, A the same length right before it. `now`: a second that is stored. */
export function pair(a: string | undefined, b: string | undefined, now: number): { a: Span; b: Span } {
  const before = past(a);
  const seconds = before?.seconds ?? FIRST_SECONDS;
  const after = past(b) ?? { start: now - seconds, seconds };
  return { a: before ?? { start: after.start - after.seconds, seconds: after.seconds }, b: after };
}

/** The axis with both on it, and a fifth of air around. */
export function axisWith(a: Span, b: Span, now: number): Span {
  const low = Math.min(a.start, b.start);
  const high = Math.max(a.start + a.seconds, b.start + b.seconds);
  const air = Math.ceil((high - low) / 5);
  const end = Math.min(now, high + air);
  return { start: low - air, seconds: end - low + air };
}
