/* The window in time: live (the last so many seconds) or past, as the address writes it and as the server is asked. */
import type { WindowInput } from "../generated/questions";

export type Window = { live: true; seconds: number } | { live: false; start: number; seconds: number };
/** `start`: Unix seconds. */
export interface Span {
  start: number;
  seconds: number;
}

export const LIVE: Window = { live: true, seconds: 300 };
const LONGEST = 400 * 86400;
const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86400 };

/** Reports of a second are in the store after less than this. */
const SETTLED = 2;

/** `live-5m`, `2026-11-23T02:41:00Z+300s`; null for anything else. */
export function read(text: string | null): Window | null {
  if (text === null) return null;
  const live = /^live-(\d+)([smhd])$/.exec(text);
  if (live) {
    const seconds = Number(live[1]) * (UNITS[live[2] ?? ""] ?? 0);
    return seconds > 0 && seconds <= LONGEST ? { live: true, seconds } : null;
  }
  const past = /^(.+)\+(\d+)s$/.exec(text);
  const start = past ? Date.parse(past[1] ?? "") / 1000 : NaN;
  const seconds = Number(past?.[2]);
  if (!Number.isFinite(start) || !(seconds > 0 && seconds <= LONGEST)) return null;
  return { live: false, start: Math.floor(start), seconds };
}

/** A moment as the address writes it. */
export function moment(second: number): string {
  return new Date(second * 1000).toISOString().replace(".000", "");
}

/** The other way of `read`. */
export function written(window: Window): string {
  if (!window.live) return `${moment(window.start)}+${window.seconds}s`;
  for (const [unit, length] of Object.entries(UNITS).reverse()) {
    if (window.seconds % length === 0) return `live-${window.seconds / length}${unit}`;
  }
  return `live-${window.seconds}s`;
}

/** Which seconds it is when the server's clock says `now` (Unix seconds). `settled`: how old the latest shall be. */
export function at(window: Window, now: number, settled = SETTLED): Span {
  if (!window.live) return { start: window.start, seconds: window.seconds };
  return { start: Math.floor(now) - settled - window.seconds, seconds: window.seconds };
}

/** A clock that was wrong by more than this is believed when it says so, s. */
const WRONG = 15;

/** A live window does not go back while it is on screen, whatever is learnt of the clock or the task meanwhile: what was
    shown of the latest second would be taken away again. `end`: of the one before. */
export function onward(end: number, span: Span): Span {
  const back = end - (span.start + span.seconds);
  return back > 0 && back <= WRONG ? { start: span.start + back, seconds: span.seconds } : span;
}

/** As the server is asked. */
export function asked(span: Span): WindowInput {
  return { from: moment(span.start), to: moment(span.start + span.seconds) };
}

/** The window that an answer names. */
export function answered(window: { from: string; seconds: number }): Span {
  return { start: Date.parse(window.from) / 1000, seconds: window.seconds };
}
