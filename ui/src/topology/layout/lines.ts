/** How a line runs: curves between chips, to cards, to gates; and how wide it is. */

import { pathRound as begin } from "d3-path";

import type { Box, Head, Point } from "./model";

/** From, two control points, to. */
export type Cubic = readonly [Point, Point, Point, Point];

const WIDTHS = [1.25, 2, 3, 4.25, 5.75] as const;
/** A step is left only when the rate is this share beyond its border, so that lines do not breathe. */
const HOLD = 0.2;

/** The step of width of a rate, with the step it had before. */
export function widthStep(rate: number, borders: readonly number[], before: number | undefined): number {
  const step = borders.filter((border) => rate >= border).length;
  if (before === undefined || before === step) return step;
  const border = borders[step > before ? before : before - 1];
  if (border === undefined) return step;
  const left = step > before ? rate >= border * (1 + HOLD) : rate < border * (1 - HOLD);
  if (Math.abs(step - before) > 1 || left) return step;
  return before;
}

export function widthOf(step: number): number {
  return WIDTHS[Math.min(step, WIDTHS.length - 1)] ?? WIDTHS[0];
}

export function mix(a: Point, b: Point, part: number): Point {
  return { x: a.x + (b.x - a.x) * part, y: a.y + (b.y - a.y) * part };
}

export function at([p, c, d, q]: Cubic, t: number): Point {
  const u = 1 - t;
  const [a, b, e, f] = [u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t];
  return { x: a * p.x + b * c.x + e * d.x + f * q.x, y: a * p.y + b * c.y + e * d.y + f * q.y };
}

export function draw([p, c, d, q]: Cubic): string {
  const line = begin(1);
  line.moveTo(p.x, p.y);
  line.bezierCurveTo(c.x, c.y, d.x, d.y, q.x, q.y);
  return line.toString();
}

export function reversed([p, c, d, q]: Cubic): Cubic {
  return [q, d, c, p];
}

/** An arrow head that begins where the curve ends. */
export function headOf(curve: Cubic, width: number, dense: boolean): Head {
  const [, , before, tip] = curve;
  const angle = (Math.atan2(tip.y - before.y, tip.x - before.x) * 180) / Math.PI;
  return { x: tip.x, y: tip.y, angle, length: headLength(width, dense), half: 2.2 + width * 0.8 };
}

export function headLength(width: number, dense: boolean): number {
  return dense ? 7 : 5 + width * 1.1;
}

/** Where the ray from the middle of a chip, moved by `shift`, to a point leaves the chip. */
function border(chip: Box, shift: Point, to: Point): Point {
  const from = { x: chip.x + shift.x, y: chip.y + shift.y };
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const right = dx === 0 ? Infinity : ((Math.sign(dx) * chip.w) / 2 - shift.x) / dx;
  const down = dy === 0 ? Infinity : ((Math.sign(dy) * chip.h) / 2 - shift.y) / dy;
  const part = Math.min(right, down);
  return { x: from.x + dx * part, y: from.y + dy * part };
}

export interface Between {
  readonly curve: Cubic;
  /** To the right of its way. */
  readonly outward: Point;
}

/** From chip to chip, moved to its own right by `lane` (less where the chip is too small for it), `around` wider. */
export function between(from: Box, to: Box, lane: number, head: number, pitch: number, around = 0): Between {
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const length = Math.hypot(dx, dy);
  const right = { x: -dy / length, y: dx / length };
  const room = (chip: Box): number =>
    Math.min(
      (chip.w / 2 - 6) / Math.max(Math.abs(right.x), 1e-9),
      (chip.h / 2 - 6) / Math.max(Math.abs(right.y), 1e-9),
    );
  const most = Math.min(room(from), room(to));
  const off = Math.max(-most, Math.min(most, lane));
  const shift = { x: right.x * off, y: right.y * off };
  const start = border(from, shift, { x: to.x + shift.x, y: to.y + shift.y });
  const edge = border(to, shift, { x: from.x + shift.x, y: from.y + shift.y });
  const gap = Math.hypot(edge.x - start.x, edge.y - start.y);
  const end = gap > 0 ? mix(edge, start, Math.min(0.45, (head + 1) / gap)) : edge;
  const bend = around + (length > pitch * 1.2 ? length * 0.09 : off * 0.35);
  const control = (part: number): Point => {
    const on = mix(start, end, part);
    return { x: on.x + right.x * bend, y: on.y + right.y * bend };
  };
  return { curve: [start, control(0.33), control(0.67), end], outward: right };
}

/** Whether it runs under one of these chips, that it has nothing to do with. */
export function under(curve: Cubic, chips: readonly Box[]): boolean {
  for (let i = 1; i < 16; i += 1) {
    const { x, y } = at(curve, i / 16);
    if (chips.some((chip) => Math.abs(x - chip.x) < chip.w / 2 + 4 && Math.abs(y - chip.y) < chip.h / 2 + 4))
      return true;
  }
  return false;
}

/** A process that talks to itself: around its upper right corner. */
export function loop(chip: Box, lane: number, head: number): Cubic {
  const x = chip.x + chip.w / 2;
  const y = chip.y - chip.h / 2;
  const size = Math.min(chip.h, 26) * (1 + lane * 0.35);
  const inset = Math.min(chip.h / 2, 12);
  return [
    { x: x - inset, y },
    { x: x - inset, y: y - size },
    { x: x + size + head, y: y + inset },
    { x: x + head + 1, y: y + inset },
  ];
}

/** From the edge of a chip to a point outside. `dir`: 1 to the right, -1 to the left. */
export function outwards(leave: Point, arrive: Point, dir: number): Cubic {
  const reach = Math.abs(arrive.x - leave.x);
  return [
    leave,
    { x: leave.x + dir * Math.min(reach * 0.3, 60), y: leave.y },
    { x: arrive.x - dir * Math.min(reach * 0.5, 110), y: arrive.y },
    arrive,
  ];
}
