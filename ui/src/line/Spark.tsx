/* A course in 46 × 26 px: zero at the bottom, its own scale; a gap stays a gap. Its sense is in the figures beside it. */
import type { Tone } from "./figures";
import "./spark.css";

const WIDTH = 46;
const HEIGHT = 26;
const POINTS = 40;

/** At most 40 points, each the highest of those it stands for; null where nothing was recorded. */
export function thinned(values: readonly (number | null)[], most = POINTS): (number | null)[] {
  if (values.length <= most) return [...values];
  return Array.from({ length: most }, (_, index) => {
    const part = values.slice(Math.floor((index * values.length) / most), Math.floor(((index + 1) * values.length) / most));
    const known = part.filter((value) => value !== null);
    return known.length > 0 ? Math.max(...known) : null;
  });
}

/** The line, and the area under it; each run of known points is a path of its own. */
export function paths(values: readonly (number | null)[], width: number, height: number): { line: string; area: string } {
  const top = Math.max(0, ...values.map((value) => value ?? 0)) || 1;
  const x = (index: number): string => ((index * width) / Math.max(1, values.length - 1)).toFixed(1);
  const y = (value: number): string => (height - 1 - (value / top) * (height - 3)).toFixed(1);
  let line = "";
  let area = "";
  let from = -1;
  values.forEach((value, index) => {
    if (value === null) {
      from = -1;
      return;
    }
    if (from < 0) {
      from = index;
      line += `M${x(index)} ${y(value)}`;
      area += `M${x(index)} ${height}V${y(value)}`;
    } else {
      line += `L${x(index)} ${y(value)}`;
      area += `L${x(index)} ${y(value)}`;
    }
    if (index === values.length - 1 || values[index + 1] === null) area += `V${height}Z`;
  });
  return { line, area };
}

export function Spark({ values, tone }: { values: readonly (number | null)[]; tone: Tone }) {
  const { line, area } = paths(thinned(values), WIDTH, HEIGHT);
  return (
    <svg class={`spark ${tone}`} width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
      <path class="area" d={area} />
      <path d={line} />
    </svg>
  );
}
