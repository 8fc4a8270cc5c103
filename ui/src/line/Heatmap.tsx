/* A histogram over time: columns of time, rows of its own buckets on a log axis; the arrows read it cell by cell. */
import { useEffect, useRef, useState } from "preact/hooks";
import { theme } from "../frame/theme";
import { clock, time } from "../words/numbers";
import { type Heat, heat, level, shade, told, ticks, type HeatCell } from "./heat";

const HEIGHT = 104;
const AXIS = 56;

interface Props {
  /** ISO, the start of each column. */
  at: readonly string[];
  cells: readonly HeatCell[];
  p99: readonly (number | null)[];
  bad: boolean;
  name: string;
}

function draw(canvas: HTMLCanvasElement, map: Heat, p99: readonly (number | null)[], bad: boolean, at: number | null): void {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const scale = devicePixelRatio;
  const width = canvas.clientWidth;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(HEIGHT * scale);
  const pen = canvas.getContext("2d");
  if (!pen) return;
  pen.scale(scale, scale);
  const column = (width - AXIS) / map.columns;
  const y = (ns: number): number => (HEIGHT - 8) * (1 - level(map, ns)) + 4;
  pen.fillStyle = colour("--h0");
  pen.fillRect(AXIS, 4, width - AXIS, HEIGHT - 8);
  for (const cell of map.cells) {
    pen.fillStyle = colour(`--h${shade(cell.count / (map.totals[cell.step] ?? 1))}`);
    const top = y(cell.highNs);
    pen.fillRect(AXIS + cell.step * column, top, Math.max(1, column - 0.5), Math.max(1.5, y(cell.lowNs) - top));
  }
  pen.fillStyle = colour("--text3");
  pen.font = `11px ${colour("--font")}`;
  pen.textAlign = "right";
  for (const tick of ticks(map)) pen.fillText(time(tick), AXIS - 6, y(tick) + 4);
  pen.strokeStyle = colour(bad ? "--fail" : "--h5");
  pen.lineWidth = 1.5;
  pen.beginPath();
  let on = false;
  p99.forEach((ns, index) => {
    const x = AXIS + (index + 0.5) * column;
    if (ns === null) on = false;
    else if (on) pen.lineTo(x, y(ns));
    else {
      pen.moveTo(x, y(ns));
      on = true;
    }
  });
  pen.stroke();
  if (at === null) return;
  pen.strokeStyle = colour("--accent");
  pen.strokeRect(AXIS + at * column, 4, column, HEIGHT - 8);
}

export function Heatmap({ at, cells, p99, bad, name }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [place, setPlace] = useState<{ column: number; up: number } | null>(null);
  const map = heat(at.length, cells);
  const shown = theme.value;
  useEffect(() => {
    if (canvas.current && map) draw(canvas.current, map, p99, bad, place?.column ?? null);
  }, [map, place, shown]);
  if (map === null) return null;
  const move = (event: KeyboardEvent): void => {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    const from = place ?? { column: at.length, up: 0 };
    const column = Math.min(at.length - 1, Math.max(0, from.column + (by[0] ?? 0)));
    setPlace({ column, up: told(map, column, by[0] ? 0 : from.up + (by[1] ?? 0)).up });
  };
  const moment = place ? at[place.column] : undefined;
  const reading = place && moment ? `${clock(moment)}, ${told(map, place.column, place.up).text}` : "";
  return (
    <figure class="heat">
      <canvas ref={canvas} role="img" tabIndex={0} aria-label={`${name} histogram over time`} onKeyDown={move} onBlur={() => setPlace(null)} />
      <figcaption role={place ? "status" : undefined}>
        {reading !== "" ? reading : `histogram, a column is ${time(columnNs(at))}; the line is p99; arrows read it`}
      </figcaption>
    </figure>
  );
}

function columnNs(at: readonly string[]): number {
  return at.length > 1 ? (Date.parse(at[1] ?? "") - Date.parse(at[0] ?? "")) * 1e6 : 1e9;
}
