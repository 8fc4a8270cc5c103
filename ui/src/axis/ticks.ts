/* Where the time axis writes the time, and which part of time it shows. Pure. */
import type { Span, Window } from "../frame/window";
import { clock } from "../words/numbers";

const STEPS = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400, 604800];
const MOST = 7;

/** Unix seconds on round numbers of local time; `offset`: seconds east of UTC. */
export function ticks(axis: Span, offset: number): number[] {
  const step = STEPS.find((it) => axis.seconds / it <= MOST) ?? axis.seconds;
  const first = Math.ceil((axis.start + offset) / step) * step - offset;
  const made: number[] = [];
  for (let tick = first; tick <= axis.start + axis.seconds; tick += step) made.push(tick);
  return made;
}

/** What stands at a tick: the time of day, at midnight the day; the window beside the axis has its date. */
export function tickText(tick: number, axis: Span): string {
  const when = new Date(tick * 1000);
  const text = clock(when, when);
  if (text === "00:00:00") return when.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  return axis.seconds > 600 ? text.slice(0, 5) : text;
}

/** `02:48:00 to 02:53:00`; a day that is not today's is written once. */
export function spoken(span: Span): string {
  const [start, end] = [new Date(span.start * 1000), new Date((span.start + span.seconds) * 1000)];
  const sameDay = start.toDateString() === end.toDateString();
  return `${clock(start)} to ${sameDay ? clock(end, end) : clock(end)}`;
}

/** Three windows long: live with the window at its end, else with the window in its middle, never in the future. */
export function around(window: Window, span: Span, now: number): Span {
  const seconds = span.seconds * 3;
  const end = window.live ? span.start + span.seconds : Math.min(Math.ceil(now), span.start + span.seconds * 2);
  return { start: end - seconds, seconds };
}

export type Grip = "start" | "end" | "body" | "new";

/** What dragging by `by` seconds, from `from` on the axis, makes of a window. */
export function dragged(span: Span, grip: Grip, from: number, by: number): Span {
  const end = span.start + span.seconds;
  if (grip === "body") return { start: Math.round(span.start + by), seconds: span.seconds };
  if (grip === "new") {
    const [low, high] = by < 0 ? [from + by, from] : [from, from + by];
    return { start: Math.floor(low), seconds: Math.max(1, Math.round(high - low)) };
  }
  if (grip === "start") {
    const start = Math.min(end - 1, Math.round(span.start + by));
    return { start, seconds: end - start };
  }
  return { start: span.start, seconds: Math.max(1, Math.round(span.seconds + by)) };
}
