/** Where the picture stands on the screen: in screen pixels as long as it can be, moved rather than shrunk. Pure. */

import type { Box, Point } from "../layout/model";

/** `k`: zoom; `x`, `y`: where the picture's origin is on the screen. */
export interface Stand {
  readonly k: number;
  readonly x: number;
  readonly y: number;
}

export interface Size {
  readonly w: number;
  readonly h: number;
}

export const LEAST = 0.5;
export const MOST = 1.5;
/** What the bars over the canvas cover; they lie in its corners, so a large picture may pass between them. */
const EDGE = { top: 52, bottom: 48, side: 16 };
const NARROW = { top: 8, bottom: 8, side: 8 };

/** Everything on screen, from half size up. */
export function whole(box: Box, size: Size): Stand {
  return stand(box, size, LEAST);
}

/** The first sight: names are never smaller than they were drawn, what does not fit is a pan away. */
export function first(box: Box, size: Size): Stand {
  return stand(box, size, 1);
}

function stand(box: Box, size: Size, least: number): Stand {
  const within = (edge: typeof EDGE) => ({ w: size.w - 2 * edge.side, h: size.h - edge.top - edge.bottom });
  const fits = ({ w, h }: Size): number => Math.min(MOST, w / box.w, h / box.h);
  const edge = fits(within(EDGE)) >= Math.max(1, least) ? EDGE : NARROW;
  const room = within(edge);
  const k = Math.max(least, edge === NARROW ? Math.min(1, fits(room)) : fits(room));
  return { k, x: along(box.x, box.w, k, edge.side, room.w), y: down(box, k, size.h) };
}

/** As `along`; what has room below the bar at the top is not under it, for a pod has its name at its top. */
function down(box: Box, k: number, h: number): number {
  const free = h - box.h * k;
  if (free >= EDGE.top + EDGE.bottom) return along(box.y, box.h, k, EDGE.top, h - EDGE.top - EDGE.bottom);
  if (free < NARROW.top + NARROW.bottom) return along(box.y, box.h, k, NARROW.top, h - NARROW.top - NARROW.bottom);
  return Math.min(EDGE.top, free - NARROW.bottom) - box.y * k;
}

/** Centred when it fits; else the origin, where the processes are, in the middle, as far as no room is left empty. */
function along(start: number, length: number, k: number, edge: number, room: number): number {
  if (length * k <= room) return edge + (room - length * k) / 2 - start * k;
  const middle = edge + room / 2;
  return Math.min(edge - start * k, Math.max(edge + room - (start + length) * k, middle));
}

/** The same, moved as little as shows this box, its middle if it is larger than the screen. */
export function showing(box: Box, size: Size, { k, x, y }: Stand): Stand {
  const shift = (from: number, length: number, low: number, high: number): number => {
    if (length > high - low) return (low + high) / 2 - (from + length / 2);
    return Math.max(0, low - from) - Math.max(0, from + length - high);
  };
  const side = 6;
  return {
    k,
    x: x + shift(box.x * k + x, box.w * k, side, size.w - side),
    y: y + shift(box.y * k + y, box.h * k, EDGE.top, size.h - EDGE.bottom),
  };
}

/** `1.4,120,-30`: the zoom, and what of the picture is in the middle of the screen. */
export function written({ k, x, y }: Stand, size: Size): string {
  return `${Number(k.toFixed(2))},${Math.round((size.w / 2 - x) / k)},${Math.round((size.h / 2 - y) / k)}`;
}

/** The other way of `written`; null for anything else. */
export function read(text: string | null, size: Size): Stand | null {
  const numbers = text?.split(",").map(Number) ?? [];
  if (numbers.length !== 3 || !numbers.every(Number.isFinite)) return null;
  const [zoom = 1, middleX = 0, middleY = 0] = numbers;
  const k = Math.max(LEAST, Math.min(MOST, zoom));
  return { k, x: size.w / 2 - middleX * k, y: size.h / 2 - middleY * k };
}

export function around(points: readonly Point[], margin: number): Box {
  const xs = points.map((point) => point.x);
  const ys = points.map((point) => point.y);
  const [x, y] = [Math.min(...xs) - margin, Math.min(...ys) - margin];
  return { x, y, w: Math.max(...xs) + margin - x, h: Math.max(...ys) + margin - y };
}
