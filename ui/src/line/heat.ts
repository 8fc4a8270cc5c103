/* A histogram over time as cells of a picture. Pure. */
import type { OverTime } from "../generated/questions";
import { time } from "../words/numbers";

export type HeatCell = OverTime["heatmap"][number];

/** Shares of a column from which the next colour of the ramp begins. */
const STEPS = [0.01, 0.03, 0.1, 0.25, 0.5];

/** 0 to 5. */
export function shade(share: number): number {
  return STEPS.filter((step) => share >= step).length;
}

export interface Heat {
  columns: number;
  /** ns, both on a log axis. */
  low: number;
  high: number;
  cells: HeatCell[];
  totals: number[];
}

const FLOOR = 64;

export function heat(columns: number, cells: readonly HeatCell[]): Heat | null {
  const held = cells.filter((cell) => cell.count > 0);
  if (held.length === 0) return null;
  const totals = Array.from({ length: columns }, () => 0);
  for (const cell of held) totals[cell.step] = (totals[cell.step] ?? 0) + cell.count;
  const low = Math.max(FLOOR, Math.min(...held.map((cell) => cell.lowNs)));
  const high = Math.max(low * 2, ...held.map((cell) => Math.min(cell.highNs, 128e9)));
  return { columns, low: 2 ** Math.floor(Math.log2(low)), high: 2 ** Math.ceil(Math.log2(high)), cells: held, totals };
}

/** From 0 (bottom) to 1. */
export function level(map: Heat, ns: number): number {
  const at = (Math.log2(Math.max(ns, map.low)) - Math.log2(map.low)) / (Math.log2(map.high) - Math.log2(map.low));
  return Math.min(1, Math.max(0, at));
}

/** Powers of ten between the ends, for the axis. */
export function ticks(map: Heat): number[] {
  const first = Math.ceil(Math.log10(map.low));
  const last = Math.floor(Math.log10(map.high));
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => 10 ** (first + index));
}

/** "100 to 215 ms, 31 of 802": the fullest cell of a column, or the one `up` cells above it. */
export function told(map: Heat, column: number, up: number): { text: string; up: number } {
  const here = map.cells.filter((cell) => cell.step === column).sort((a, b) => a.lowNs - b.lowNs);
  if (here.length === 0) return { text: "nothing was timed", up: 0 };
  const fullest = here.reduce((best, cell, index) => (cell.count > (here[best]?.count ?? 0) ? index : best), 0);
  const index = Math.min(here.length - 1, Math.max(0, fullest + up));
  const cell = here[index];
  if (!cell) return { text: "nothing was timed", up: 0 };
  const all = map.totals[column] ?? 0;
  return { text: `${time(cell.lowNs)} to ${time(cell.highNs)}, ${cell.count} of ${all}`, up: index - fullest };
}
