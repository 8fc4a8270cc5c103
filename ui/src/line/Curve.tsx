/* Curves over time, drawn by uPlot. Hidden from who listens: the caption says their sense. */
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { theme } from "../frame/theme";

export interface Drawn {
  name: string;
  values: readonly (number | null)[];
  /** A token: `--line`. */
  colour: string;
  filled?: boolean;
}

interface Props {
  /** Unix seconds. */
  at: readonly number[];
  curves: readonly Drawn[];
  /** Shared by both sides, so that they can be compared by eye. */
  top: number;
  write: (value: number) => string;
  caption: string;
}

const HEIGHT = 96;
/** How wide a digit at an axis is, px. */
const LETTER = 6;

const token = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** With seconds where the curve is shorter than ten minutes; nothing where the edge would cut it. */
function clocks(plot: uPlot, ticks: number[], at: readonly number[]): string[] {
  const letters = (at.at(-1) ?? 0) - (at[0] ?? 0) < 600 ? 8 : 5;
  const right = plot.bbox.width / devicePixelRatio - (letters * LETTER) / 2;
  return ticks.map((tick) => (plot.valToPos(tick, "x") > right ? "" : new Date(tick * 1000).toTimeString().slice(0, letters)));
}

function options(props: Props, width: number, top: () => number): uPlot.Options {
  const quiet = token("--text3");
  const axis = { stroke: quiet, font: `11px ${token("--font")}`, ticks: { show: false } };
  const grid = { stroke: token("--border"), width: 1 };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    padding: [6, 4, 0, 0],
    scales: { x: { time: true }, y: { range: () => [0, top() || 1] } },
    axes: [
      { ...axis, grid: { show: false }, size: 18, gap: 2, space: 72, values: (plot, ticks) => clocks(plot, ticks, props.at) },
      { ...axis, grid, size: 56, gap: 4, space: 30, values: (_, ticks) => ticks.map((tick) => props.write(tick)) },
    ],
    series: [
      {},
      ...props.curves.map((curve) => ({
        label: curve.name,
        stroke: token(curve.colour),
        width: 1.5,
        points: { show: false },
        ...(curve.filled ? { fill: `${token(curve.colour)}33` } : {}),
      })),
    ],
  };
}

const data = (props: Props): uPlot.AlignedData => [[...props.at], ...props.curves.map((curve) => [...curve.values])];

export function Curve(props: Props) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const colours = props.curves.map((curve) => curve.colour).join() + theme.value;
  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const made = new uPlot(options(latest.current, element.clientWidth, () => latest.current.top), data(latest.current), element);
    plot.current = made;
    const sized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    sized.observe(element);
    return () => {
      sized.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [colours]);
  useEffect(() => plot.current?.setData(data(props)));
  return (
    <figure>
      <div ref={place} class="curve" aria-hidden="true" />
      <figcaption>{props.caption}</figcaption>
    </figure>
  );
}
