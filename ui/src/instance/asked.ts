/* What the view of an instance asks, from its address: one question a second. */
import { signal } from "@preact/signals";
import type { InstanceViewAsked, OnAxis, TaskRow } from "../generated/questions";
import { path, query, set } from "../frame/address";
import { serverNow } from "../frame/health";
import { LIVE, type Span, type Window, asked, at, onward, read, written } from "../frame/window";
import { around } from "../axis/ticks";

/** The axis changes slowly: it is asked for with every fifth question, and when its part of time changed. */
const EVERY = 5;
/** Seconds in which the first line of a task is waited for. */
const STARTS = 15;
const PROCESS = /^[0-9a-f]{16}$/;
let since = EVERY;
let last = "";
export const timeline = signal<OnAxis | null>(null);

/** When bytes last moved, ms, as far as the axis reaches; null: at no time. */
export function lastTraffic(): number | null {
  const axis = timeline.value;
  const moments = axis?.at.filter((_, index) => (axis.rate[index] ?? 0) > 0).map((it) => Date.parse(it)) ?? [];
  return moments.length > 0 ? Math.max(...moments) : null;
}

export function windowOf(): Window {
  return read(query.value.w ?? null) ?? LIVE;
}

export function setWindow(window: Window, replace: boolean): void {
  set({ w: written(window) }, replace);
}

/** Which process is open: a panel of the topology, or a page of its own. */
export function openProcess(): string | null {
  if (path.value[2] === "processes") return path.value[3] ?? null;
  return query.value.process ?? null;
}

export function axisOf(window: Window, span: Span): Span {
  return around(window, span, serverNow());
}

/** Whether this question asks for the axis, too. */
export function axisDue(key: string): boolean {
  const due = since >= EVERY || key !== last;
  since = due ? 1 : since + 1;
  last = key;
  return due;
}

/** Whether a task has just been started: then the latest second is worth more than a whole one. */
export function starting(task: TaskRow | null | undefined): boolean {
  return task !== null && task !== undefined && serverNow() - Date.parse(task.createdAt) / 1000 < STARTS;
}

/** Single connections are those of now, behind a line or of a process; a peer is none. */
function connections(window: Window, line: string | null, process: string | null) {
  if (!window.live) return { connections: false };
  if (line !== null) return { connections: true, behind: line };
  return process !== null && PROCESS.test(process) ? { connections: true, held: process } : { connections: false };
}

const before = { of: "", end: 0 };

/** `idle`: the answer before had no line. Then it matters who listens. */
export function variables(instance: string, task: TaskRow | null | undefined, idle: boolean): InstanceViewAsked {
  const window = windowOf();
  const key = `${instance} ${written(window)}`;
  const now = at(window, serverNow(), starting(task) ? 0 : undefined);
  const span = window.live && before.of === key ? onward(before.end, now) : now;
  before.of = key;
  before.end = span.start + span.seconds;
  const line = query.value.line ?? null;
  const process = openProcess();
  return {
    instance,
    window: asked(span),
    axis: asked(axisOf(window, span)),
    edge: line ?? "0",
    line: line !== null,
    processes: path.value[2] === "processes" || process !== null || idle,
    timeline: axisDue(key),
    ...connections(window, line, process),
  };
}
