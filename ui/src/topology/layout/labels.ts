/** Where the words on the lines stand: the worst first, then the busiest; the first free place along the line wins. */

import { at, type Cubic } from "./lines";
import type { Box, Label, Line, Point } from "./model";
import { severity } from "./sides";
import { BOLD, textWidth } from "./text";

const PLACES = [0.5, 0.74, 0.42, 0.58, 0.66, 0.34, 0.8, 0.26] as const;
const HEIGHT = 19;
const SIZE = 11;
/** What stays free between a label and its neighbours. */
const ASIDE = 8;
/** Aside of a reason that has no protocol before it: it fits or is not said. */
const CLOSE = 2;
const ABOVE = 3;

export interface Ask {
  readonly line: Line;
  readonly curve: Cubic;
  /** One of a pair: its label stands on its outer side. */
  readonly outward: Point | null;
  /** Middle of a level piece of its trunk: a label above that is read before one in the crowd. */
  readonly above: Point | null;
}

/** A label for each of these lines that has room, by the line's id. */
export function labels(asks: readonly Ask[], taken: readonly Box[], selected: string | null): Map<string, Label> {
  const boxes = [...taken];
  const placed = new Map<string, Label>();
  const first = (ask: Ask): number => (ask.line.id === selected ? -1 : severity(ask.line.state));
  const sorted = [...asks].sort(
    (a, b) => first(a) - first(b) || b.line.rate - a.line.rate || (a.line.id < b.line.id ? -1 : 1),
  );
  for (const ask of sorted) {
    const { line } = ask;
    const signed = severity(line.state) <= severity("better");
    // The protocol is bold, of a bad line also the reason.
    // What is wrong is worth more than the protocol, where there is no room for both.
    for (const text of signed && line.note ? [line.label, ""] : [line.label]) {
      const label = textWidth(text, SIZE) * BOLD;
      const note = line.note ? textWidth(` ${line.note}`, SIZE) * (signed ? BOLD : 1) : 0;
      const w = Math.ceil(label + note + (signed ? 28 : 16));
      const aside = text === "" ? CLOSE : ASIDE;
      const found = candidates(ask, w).find((box) => boxes.every((other) => apart(box, other, aside)));
      if (!found) continue;
      boxes.push(found);
      placed.set(line.id, { ...found, text, note: line.note });
      break;
    }
  }
  return placed;
}

function candidates({ curve, outward, above }: Ask, w: number): Box[] {
  const h = HEIGHT;
  const along = PLACES.map((t) => {
    const p = at(curve, t);
    const off = outward ?? { x: 0, y: 0 };
    return { x: p.x - w / 2 + off.x * (w / 2 + 7), y: p.y - h / 2 + off.y * (h / 2 + 7), w, h };
  });
  return above ? [{ x: above.x - w / 2, y: above.y - h - 5, w, h }, ...along] : along;
}

function apart(a: Box, b: Box, aside: number): boolean {
  return a.x + a.w + aside <= b.x || b.x + b.w + aside <= a.x || a.y + a.h + ABOVE <= b.y || b.y + b.h + ABOVE <= a.y;
}
