/* The time axis: how much was going on, where a line failed, what was not recorded, and the window, which is dragged. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { OnAxis } from "../generated/questions";
import { Icon } from "../frame/Icon";
import { bind } from "../frame/keys";
import type { Span, Window } from "../frame/window";
import { span as lasting, zoned } from "../words/numbers";
import { type Grip, dragged, spoken, tickText, ticks } from "./ticks";
import "./axis.css";

const WIDE = 1000;
const HIGH = 40;
/** Nearer to an end a time would be cut off on a phone, %. */
const RIM = 7;

interface Marked {
  name: string;
  span: Span;
}

interface Props {
  axis: Span;
  /** One window, or A and B. */
  windows: Marked[];
  timeline: OnAxis | null;
  /** `drag`: more of the same movement will come. */
  change: (index: number, span: Span, drag: boolean) => void;
}

function Bars({ axis, timeline }: { axis: Span; timeline: OnAxis }) {
  const top = Math.max(1e-9, ...timeline.rate.map((rate) => rate ?? 0));
  const x = (second: number): number => ((second - axis.start) / axis.seconds) * WIDE;
  const width = Math.max(0.5, (timeline.step / axis.seconds) * WIDE - 0.6);
  let bars = "";
  let feet = "";
  let gaps = "";
  timeline.at.forEach((moment, index) => {
    const left = x(Date.parse(moment) / 1000).toFixed(1);
    const rate = timeline.rate[index];
    if ((timeline.seen[index] ?? 0) === 0) gaps += `M${left} 0h${(width + 0.6).toFixed(1)}v${HIGH}h-${(width + 0.6).toFixed(1)}Z`;
    else if (rate) {
      const high = Math.max(1, (rate / top) * (HIGH - 4));
      bars += `M${left} ${HIGH}v-${high.toFixed(1)}h${width.toFixed(1)}v${high.toFixed(1)}Z`;
    }
    if ((timeline.failed[index] ?? 0) > 0) feet += `M${left} ${HIGH - 4}h${width.toFixed(1)}v4h-${width.toFixed(1)}Z`;
  });
  return (
    <svg viewBox={`0 0 ${WIDE} ${HIGH}`} preserveAspectRatio="none" aria-hidden="true">
      <defs>
        <pattern id="gap" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect class="hatch" width="1.5" height="6" />
        </pattern>
      </defs>
      <path class="bars" d={bars} />
      <path fill="url(#gap)" d={gaps} />
      <path class="feet" d={feet} />
    </svg>
  );
}

interface Drag {
  index: number;
  grip: Grip;
  x: number;
  from: number;
  span: Span;
  axis: Span;
}

function useDrag(props: Props): { begin: (event: PointerEvent, index: number, grip: Grip) => void; axis: Span } {
  const [drag, setDrag] = useState<Drag | null>(null);
  const moved = useRef(false);
  const latest = useRef(props.change);
  latest.current = props.change;
  useEffect(() => {
    if (drag === null) return undefined;
    const to = (event: PointerEvent): void => {
      const width = document.querySelector(".axis .band")?.clientWidth ?? 1;
      if (!moved.current && Math.abs(event.clientX - drag.x) < 3) return;
      const by = ((event.clientX - drag.x) / width) * drag.axis.seconds;
      latest.current(drag.index, dragged(drag.span, drag.grip, drag.from, by), moved.current);
      moved.current = true;
    };
    const up = (): void => setDrag(null);
    addEventListener("pointermove", to);
    addEventListener("pointerup", up);
    addEventListener("pointercancel", up);
    return () => {
      removeEventListener("pointermove", to);
      removeEventListener("pointerup", up);
      removeEventListener("pointercancel", up);
    };
  }, [drag]);
  return {
    axis: drag?.axis ?? props.axis,
    begin: (event, index, grip) => {
      const band = document.querySelector(".axis .band")?.getBoundingClientRect();
      const marked = props.windows[index];
      if (!band || !marked || event.button !== 0) return;
      event.preventDefault();
      event.stopPropagation();
      moved.current = false;
      const from = props.axis.start + ((event.clientX - band.left) / band.width) * props.axis.seconds;
      setDrag({ index, grip, x: event.clientX, from, span: marked.span, axis: props.axis });
    },
  };
}

export function Band(props: Props) {
  const { begin, axis } = useDrag(props);
  const part = (second: number): number => Math.min(100, Math.max(0, ((second - axis.start) / axis.seconds) * 100));
  const offset = -new Date(axis.start * 1000).getTimezoneOffset() * 60;
  const written = ticks(axis, offset).filter((tick) => part(tick) > RIM && part(tick) < 100 - RIM);
  return (
    <div class="band" onPointerDown={(event) => begin(event, props.windows.length - 1, "new")}>
      {props.timeline ? <Bars axis={axis} timeline={props.timeline} /> : null}
      {props.windows.map((marked, index) => {
        const { start, seconds } = marked.span;
        const left = part(start);
        return (
          <div
            key={marked.name}
            class="window"
            role="slider"
            tabIndex={0}
            aria-label={marked.name}
            aria-valuemin={axis.start}
            aria-valuemax={axis.start + axis.seconds}
            aria-valuenow={start + seconds}
            aria-valuetext={spoken(marked.span)}
            style={{ left: `${left}%`, width: `${Math.max(0.3, part(start + seconds) - left)}%` }}
            onPointerDown={(event) => begin(event, index, "body")}
            onKeyDown={(event) => {
              const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
              if (by === undefined) return;
              event.preventDefault();
              event.stopPropagation();
              const step = Math.max(1, Math.round(seconds / 10));
              props.change(index, { start: start + by * step, seconds }, false);
            }}
          >
            <i class="grip start" onPointerDown={(event) => begin(event, index, "start")} />
            {props.windows.length > 1 ? <b>{marked.name.slice(-1)}</b> : null}
            <i class="grip end" onPointerDown={(event) => begin(event, index, "end")} />
          </div>
        );
      })}
      <div class="ticks" aria-hidden="true">
        {written.map((tick) => (
          <span key={tick} style={{ left: `${part(tick)}%` }}>
            {tickText(tick, axis)}
          </span>
        ))}
      </div>
    </div>
  );
}

interface AxisProps {
  window: Window;
  span: Span;
  axis: Span;
  timeline: OnAxis | null;
  step: string;
  setWindow: (window: Window, replace: boolean) => void;
}

export function TimeAxis({ window, span, axis, timeline, step, setWindow }: AxisProps) {
  const past = (to: Span, replace = false): void => setWindow({ live: false, ...to }, replace);
  const shift = (by: number): void => past({ start: span.start + Math.round(by * span.seconds), seconds: span.seconds });
  const resize = (by: number): void => {
    const seconds = Math.min(86400, Math.max(5, Math.round(span.seconds * by)));
    if (window.live) setWindow({ live: true, seconds }, false);
    else past({ start: span.start + span.seconds - seconds, seconds });
  };
  const toggle = (): void => (window.live ? past(span) : setWindow({ live: true, seconds: span.seconds }, false));
  useEffect(() => {
    const does = (keys: string[], what: string, run: () => void) => ({ keys, does: what, run: () => (run(), true) });
    return bind([
      does([" "], "live or paused", toggle),
      does(["["], "window back", () => shift(-0.5)),
      does(["]"], "window forward", () => shift(0.5)),
      does(["{"], "half the window", () => resize(0.5)),
      does(["}"], "double the window", () => resize(2)),
    ]);
  });
  return (
    <section class="axis" aria-label="Time">
      <div class="row">
        <div class="choice">
          <button type="button" aria-pressed={window.live} onClick={() => setWindow({ live: true, seconds: span.seconds }, false)}>
            Live
          </button>
          <button type="button" aria-pressed={!window.live} onClick={() => past(span)}>
            Paused
          </button>
        </div>
        <button type="button" class="bare low" aria-label="Window back" onClick={() => shift(-0.5)}>
          <Icon name="left" />
        </button>
        <button type="button" class="bare low" aria-label="Window forward" onClick={() => shift(0.5)}>
          <Icon name="right" />
        </button>
      </div>
      <Band axis={axis} windows={[{ name: "Window", span }]} timeline={timeline} change={(_, to, drag) => past(to, drag)} />
      <div class="when" title={zoned(span.start * 1000)}>
        <b>{spoken(span)}</b>
        <span class="second">
          {window.live ? `last ${lasting(span.seconds)}` : lasting(span.seconds)} · {step} steps
        </span>
      </div>
    </section>
  );
}
