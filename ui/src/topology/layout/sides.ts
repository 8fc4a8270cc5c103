/** Where a card stands: its side and kind and its number among them decide, so that no other card moves it. */

import { wall, type Grid } from "./hexagon";
import type { Box, Card, Group, Row, Side, State } from "./model";
import { BOLD, cutEnd, cutMiddle, textWidth } from "./text";

/** Sizes in pixels at zoom 1. */
export interface Columns {
  readonly dense: boolean;
  /** An odd number. */
  readonly rows: number;
  readonly pitch: number;
  readonly columns: number;
  readonly platform: number;
  readonly height: number;
  readonly width: Readonly<Record<Side, number>>;
  readonly gap: Readonly<Record<Side, number>>;
  readonly between: number;
  /** Of the hexagon's half width: no card comes nearer to the middle. */
  readonly least: number;
}

/** Of a card of an open group. */
const HEADER = 20;
const MEMBER = 24;
const FOOT = 2;
/** More members than this: closed. */
const OPEN_MEMBERS = 3;

const ROOMY: Columns = {
  dense: false, rows: 7, pitch: 96, columns: 1, platform: 2, height: 46,
  width: { client: 176, server: 196 }, gap: { client: 28, server: 80 }, between: 18, least: 1,
}; // prettier-ignore
const CLOSED: Columns = {
  dense: true, rows: 13, pitch: 46, columns: 3, platform: 3, height: 30,
  width: { client: 156, server: 156 }, gap: { client: 110, server: 150 }, between: 18, least: 0.5,
}; // prettier-ignore
const SMALL: Columns = {
  ...CLOSED, width: { client: 104, server: 104 }, gap: { client: 48, server: 48 }, between: 14, least: 0.62,
}; // prettier-ignore

/** Cards of a side that have a place. */
export const SEATS = 38;

export function columnsFor(grid: Grid, groups: readonly Group[], dense: boolean): Columns {
  if (grid.rings > 4) return SMALL;
  if (grid.rings > 1 || dense || groups.some((group) => group.seat >= seats(ROOMY, group.platform))) return CLOSED;
  return ROOMY;
}

function seats({ rows, platform }: Columns, ofPlatform: boolean): number {
  return ofPlatform ? platform : rows - platform;
}

/** A cell: its column from the hexagon outwards, and its middle's height in rows. Every second column is half a row off. */
export interface Seat {
  readonly column: number;
  readonly row: number;
}

/** All cells of a side, for applications in this order and for the platform from the end. */
export function order(columns: Columns): Seat[] {
  const application: Seat[] = [];
  const platform: Seat[] = [];
  for (let column = 0; column < columns.columns; column += 1) {
    const rows = column % 2 === 0 ? wholeRows(columns.rows) : halfRows(columns.rows);
    const lowest = Math.max(...rows);
    const held = (row: number): boolean => row > lowest - columns.platform;
    application.push(...rows.filter((row) => !held(row)).map((row) => ({ column, row })));
    const below = rows.filter(held).sort((a, b) => b - a);
    platform.push(...below.map((row) => ({ column, row })));
  }
  return [...application, ...platform.reverse()];
}

/** 0, -1, 1, -2, 2 ... */
function wholeRows(rows: number): number[] {
  return Array.from({ length: rows }, (_, n) => (n % 2 === 0 ? n / 2 : -(n + 1) / 2));
}

/** 0.5, -0.5, 1.5 ...: between the whole ones, so one fewer. */
function halfRows(rows: number): number[] {
  return Array.from({ length: rows - 1 }, (_, n) => (n % 2 === 0 ? n / 2 + 0.5 : -n / 2));
}

/** The upper left corner of a card of this height. */
export function place(seat: Seat, side: Side, height: number, columns: Columns, grid: Grid): Box {
  const y = seat.row * columns.pitch;
  const w = columns.width[side];
  const inner = innerEdge(seat, side, columns, grid);
  return { x: side === "client" ? -inner - w : inner, y: y - height / 2, w, h: height };
}

/** How far from the middle a card begins. */
export function innerEdge(seat: Seat, side: Side, columns: Columns, grid: Grid): number {
  const y = Math.abs(seat.row * columns.pitch);
  const shoulder = Math.max(0, y - columns.height / 2 - (seat.column * columns.pitch) / 2);
  const silhouette = Math.max(wall(shoulder, grid), columns.least * wall(0, grid));
  return silhouette + columns.gap[side] + seat.column * (columns.width[side] + columns.between);
}

/** Whether the members of a group share one place on its card. */
export function isClosed(group: Group, columns: Columns): boolean {
  return columns.dense || group.members.length > OPEN_MEMBERS;
}

export interface Placed extends Card {
  readonly seat: Seat;
}

/** The cards of all groups; `stateOf` a member's or a group's worst line. */
export function cards(
  groups: readonly Group[],
  columns: Columns,
  grid: Grid,
  stateOf: (id: string) => State,
): Placed[] {
  const seatOrder = order(columns);
  const placed: Placed[] = [];
  for (const group of groups) {
    const seat = seatOrder[group.platform ? seatOrder.length - 1 - group.seat : group.seat];
    if (seat) placed.push(card(group, seat, columns, grid, stateOf));
  }
  return placed;
}

function card(group: Group, seat: Seat, columns: Columns, grid: Grid, stateOf: (id: string) => State): Placed {
  const { members } = group;
  const closed = isClosed(group, columns);
  const form = closed ? "closed" : members.length === 1 ? "single" : "open";
  const height = form === "open" ? HEADER + MEMBER * members.length + FOOT : columns.height;
  const box = place(seat, group.side, height, columns, grid);
  const aside = textWidth(closed ? `×${members.length}` : group.sub, 11) + 8;
  const size = columns.dense ? 11 : 13 * BOLD;
  return {
    id: group.id,
    name: group.name,
    cut: cutMiddle(group.name, box.w - 20 - (form === "single" ? 0 : aside), size),
    sub: form === "single" ? cutEnd(group.sub, box.w - 20, 11) : group.sub,
    side: group.side,
    platform: group.platform,
    form,
    rows: form === "open" ? rows(group, box, stateOf) : [],
    dots: closed ? members.map((member) => stateOf(member.id)) : [],
    members: members.length,
    only: members.length === 1 ? (members[0]?.id ?? null) : null,
    state: worst(members.map((member) => stateOf(member.id))),
    seat,
    ...box,
  };
}

function rows(group: Group, box: Box, stateOf: (id: string) => State): Row[] {
  return group.members.map((member, i) => {
    const room = box.w - 26 - textWidth(member.sub, 11);
    const y = box.y + HEADER + MEMBER * i;
    return {
      id: member.id,
      name: member.name,
      cut: cutMiddle(member.name, Math.max(room, 60), 11),
      sub: member.sub,
      y,
      h: MEMBER - 2,
      state: stateOf(member.id),
    };
  });
}

const WORST: readonly State[] = ["failing", "slow", "better", "healthy", "none"];

/** How much a state matters, the worst first. */
export function severity(state: State): number {
  return WORST.indexOf(state);
}

export function worst(states: readonly State[]): State {
  return states.reduce<State>((found, state) => (severity(state) < severity(found) ? state : found), "none");
}
