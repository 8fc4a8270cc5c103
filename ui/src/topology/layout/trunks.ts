/**
 * The way from the hexagon's wall to a closed card.
 *
 * Law: a trunk passes under no card. A column's cards stand half a row off the one before, so its trunks run in the gaps
 * between the cards before it; those of a third column change from the gaps of the first to those of the second in the
 * free strip between the two.
 */

import { pathRound as begin } from "d3-path";

import { wall, type Grid } from "./hexagon";
import { headLength, widthOf } from "./lines";
import type { Head, Point } from "./model";
import { innerEdge, type Columns, type Placed } from "./sides";

/** Middle of a gap to the middle of the trunks of the second and third column, that share it. */
const APART = 4;
/** Trunks of both directions of a group: from their middle; next to the hexagon there is room. */
const ASIDE = 2;
const ASIDE_FIRST = 6;
/** What keeps clear of the hexagon's upper and lower corner. */
const CORNER = 26;
/** Widest of a pair that shares half a gap. */
const NARROW = 3.25;

export interface Course {
  readonly gate: Point;
  readonly path: string;
  readonly head: Head | null;
  readonly width: number;
  /** A level piece next to the hexagon, for a label above it. */
  readonly label: Point;
  /** The line that it is, for tests. */
  readonly points: readonly Point[];
}

/** Where lines of this card and direction meet the wall. */
export function gateOf(card: Placed, way: "to" | "from", paired: boolean, columns: Columns, grid: Grid): Point {
  const y = lane(card, way, paired, columns);
  const most = grid.radius - CORNER;
  const held = Math.max(-most, Math.min(most, y));
  return { x: dirOf(card) * wall(held, grid), y: held };
}

export function course(
  card: Placed,
  way: "to" | "from",
  paired: boolean,
  step: number,
  columns: Columns,
  grid: Grid,
): Course {
  const dir = dirOf(card);
  const gate = gateOf(card, way, paired, columns, grid);
  const first = lane(card, way, paired, columns);
  const last = card.seat.column === 2 ? middle(card) + aside(card, way, paired) : first;
  const width = paired ? Math.min(widthOf(step), NARROW) : widthOf(step);
  const length = way === "to" ? headLength(width, true) : 0;
  const side = card.side;
  const near = innerEdge(card.seat, side, columns, grid);
  const end = { x: dir * (near - length), y: last };
  const bend = dir * (columns.least * wall(0, grid) + columns.gap[side] - 8);
  const points: Point[] = [gate];
  const line = begin(1);
  line.moveTo(gate.x, gate.y);
  if (Math.abs(gate.y - first) > 0.05) {
    const half = (gate.x + bend) / 2;
    line.bezierCurveTo(half, gate.y, half, first, bend, first);
    points.push({ x: half, y: (gate.y + first) / 2 }, { x: bend, y: first });
  }
  if (last !== first) {
    const change = dir * changeAt(card, columns, grid);
    line.lineTo(change - dir * 8, first);
    line.bezierCurveTo(change + dir, first, change - dir, last, change + dir * 8, last);
    points.push({ x: change - dir * 8, y: first }, { x: change + dir * 8, y: last });
  }
  line.lineTo(end.x, end.y);
  points.push(end);
  const head = way === "to" ? { ...end, angle: dir > 0 ? 0 : 180, length, half: 2.5 + width * 0.8 } : null;
  const reach = dir * innerEdge({ ...card.seat, column: 0 }, side, columns, grid);
  return { gate, path: line.toString(), head, width, label: { x: (gate.x + reach) / 2, y: first }, points };
}

function dirOf(card: Placed): 1 | -1 {
  return card.side === "client" ? -1 : 1;
}

function middle(card: Placed): number {
  return card.y + card.h / 2;
}

function aside(card: Placed, way: "to" | "from", paired: boolean): number {
  const off = card.seat.column === 0 ? ASIDE_FIRST : ASIDE;
  return paired ? (way === "to" ? -off : off) : 0;
}

/** The height at which a trunk passes the first column. */
function lane(card: Placed, way: "to" | "from", paired: boolean, columns: Columns): number {
  const y = middle(card) + aside(card, way, paired);
  if (card.seat.column === 0) return y;
  return card.seat.column === 1 ? y + APART : y + columns.pitch / 2 - APART;
}

/** Middle of the strip between the first column's card of this row and the second column's beside it. */
function changeAt(card: Placed, columns: Columns, grid: Grid): number {
  const inner = innerEdge({ column: 0, row: card.seat.row }, card.side, columns, grid);
  return inner + columns.width[card.side] + columns.between / 2;
}
