/* Where services stand: a band for each namespace, columns from left to right as the server layered them. Pure. */
import type { MeshLineRow, WholeMesh } from "../generated/questions";
import { CARD, EDGE, Lanes, ROW, along, drawn } from "./lanes";

export type MeshService = WholeMesh["services"][number];

/** From column to column: at least, and where there is room for more at most. */
const COLUMN = 324;
const APART = 480;
const HEAD = 34;

export interface Placed {
  service: MeshService;
  x: number;
  y: number;
}

export interface Drawn {
  line: MeshLineRow;
  path: string;
  /** Middle of the line, and of its label. */
  middle: { x: number; y: number };
  /** False where there was no room for words. */
  worded: boolean;
}

export interface MeshPicture {
  width: number;
  height: number;
  bands: { name: string; y: number }[];
  services: Placed[];
  lines: Drawn[];
}

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

const apart = (a: Box, b: Box): boolean =>
  a.x + a.width + 4 < b.x || b.x + b.width + 4 < a.x || a.y + a.height + 2 < b.y || b.y + b.height + 2 < a.y;

const RANK: Record<string, number> = { FAILING: 0, SLOW: 1 };
const rank = (line: MeshLineRow): number => RANK[line.state] ?? 2;

function lines(all: readonly MeshLineRow[], placed: Map<string, Placed>, column: number, width: (line: MeshLineRow) => number): Drawn[] {
  const taken: Box[] = [...placed.values()].map(({ x, y }) => ({ x, y, ...CARD }));
  const between = new Lanes([...placed.values()], column);
  const made: Drawn[] = [];
  const order = [...all].sort((a, b) => rank(a) - rank(b) || b.rate - a.rate || a.id.localeCompare(b.id));
  for (const line of order) {
    const from = placed.get(line.client);
    const to = placed.get(line.server);
    if (!from || !to) continue;
    const curves = between.route(from, to);
    const wide = width(line);
    let middle = along(curves, 0.5);
    let worded = false;
    for (const t of [0.5, 0.4, 0.6, 0.3, 0.7, 0.22, 0.78]) {
      const here = along(curves, t);
      const box = { x: here.x - wide / 2, y: here.y - 10, width: wide, height: 20 };
      if (!taken.every((other) => apart(box, other))) continue;
      taken.push(box);
      middle = here;
      worded = true;
      break;
    }
    made.push({ line, path: drawn(curves), middle, worded });
  }
  return made;
}

/** The same mesh in the same room always gives the same picture. `width`: of a line's label, `room`: for all columns, px. */
export function layout(mesh: Pick<WholeMesh, "services" | "lines">, width: (line: MeshLineRow) => number, room = 0): MeshPicture {
  const columns = Math.max(1, ...mesh.services.map((service) => service.layer));
  const column = Math.min(APART, Math.max(COLUMN, (room - CARD.width - 2 * EDGE) / columns));
  const namespaces = [...new Set(mesh.services.map((service) => service.namespace))].sort();
  const placed = new Map<string, Placed>();
  const bands: MeshPicture["bands"] = [];
  let top = 0;
  for (const name of namespaces) {
    bands.push({ name, y: top });
    const filled = new Map<number, number>();
    const own = mesh.services.filter((service) => service.namespace === name);
    own.sort((a, b) => a.layer - b.layer || a.ordinal - b.ordinal || a.id.localeCompare(b.id));
    for (const service of own) {
      const row = filled.get(service.layer) ?? 0;
      filled.set(service.layer, row + 1);
      placed.set(service.id, { service, x: EDGE + service.layer * column, y: top + HEAD + row * ROW });
    }
    top += HEAD + Math.max(1, ...filled.values()) * ROW;
  }
  const right = Math.max(0, ...[...placed.values()].map((it) => it.x)) + CARD.width + EDGE;
  return { width: right, height: top + EDGE, bands, services: [...placed.values()], lines: lines(mesh.lines, placed, column, width) };
}
