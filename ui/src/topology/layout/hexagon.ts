/** Where a process stands: a cell of a hexagon, by its ordinal alone. */

import type { Point } from "./model";

const SIN60 = Math.sqrt(3) / 2;

/** Sizes in pixels at zoom 1. `stretch`: names are wider than high, so beyond one ring the hexagon is as wide as high. */
export interface Grid {
  readonly rings: number;
  readonly pitch: number;
  readonly stretch: number;
  readonly chip: { readonly w: number; readonly h: number };
  /** Circumradius of the wall. */
  readonly radius: number;
}

/** Cells of a hexagon of so many rings. */
export function cells(rings: number): number {
  return 1 + 3 * rings * (rings + 1);
}

/** The grid that holds so many places. */
export function grid(places: number): Grid {
  let rings = 1;
  while (cells(rings) < places) rings += 1;
  const size =
    rings === 1
      ? { pitch: 132, chip: { w: 124, h: 50 }, pad: 10, stretch: 1 }
      : rings <= 4
        ? { pitch: 62, chip: { w: 98, h: 24 }, pad: 8, stretch: 1.2 }
        : { pitch: 45, chip: { w: 66, h: 18 }, pad: 8, stretch: 1.2 };
  const { pad, ...rest } = size;
  const radius = rings * size.pitch + (size.chip.w / 2 + pad) / (SIN60 * size.stretch);
  return { rings, radius, ...rest };
}

/** The middle of a cell: 0 in the middle, then ring by ring from the top, each filled in opposite pairs. */
export function cell(ordinal: number, { pitch, stretch }: Grid): Point {
  if (ordinal === 0) return { x: 0, y: 0 };
  let ring = 1;
  let first = 1;
  while (ordinal >= first + 6 * ring) {
    first += 6 * ring;
    ring += 1;
  }
  const arrival = ordinal - first;
  const step = arrival % 2 === 0 ? arrival / 2 : 3 * ring + (arrival - 1) / 2;
  const corner = (i: number): Point => ({
    x: stretch * ring * pitch * Math.sin((i * Math.PI) / 3),
    y: -ring * pitch * Math.cos((i * Math.PI) / 3),
  });
  const i = Math.floor(step / ring);
  const from = corner(i);
  const to = corner(i + 1);
  const part = (step % ring) / ring;
  const round = (value: number): number => Math.round(value * 100) / 100 + 0;
  return { x: round(from.x + (to.x - from.x) * part), y: round(from.y + (to.y - from.y) * part) };
}

/** Half the width of the hexagon at a height; 0 above and below it. */
export function wall(y: number, { radius, stretch }: Grid): number {
  const away = Math.abs(y);
  return stretch * SIN60 * (away <= radius / 2 ? radius : Math.max(0, 2 * (radius - away)));
}

/** Its six corners, from the top, clockwise. */
export function corners(of: Grid): Point[] {
  const side = wall(0, of);
  const { radius } = of;
  return [
    { x: 0, y: -radius },
    { x: side, y: -radius / 2 },
    { x: side, y: radius / 2 },
    { x: 0, y: radius },
    { x: -side, y: radius / 2 },
    { x: -side, y: -radius / 2 },
  ];
}
