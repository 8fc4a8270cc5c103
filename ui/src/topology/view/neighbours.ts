/** Which thing is the next one in a direction: for the arrow keys. Pure. */

import type { Picture, Point } from "../layout/model";

export type Arrow = "ArrowLeft" | "ArrowRight" | "ArrowUp" | "ArrowDown";

const WAYS: Record<Arrow, Point> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

export function isArrow(key: string): key is Arrow {
  return key in WAYS;
}

/** Middles of processes, cards and members, by what they are called in the document. */
export function stops(picture: Picture): Map<string, Point> {
  const found = new Map<string, Point>();
  for (const chip of picture.chips) found.set(chip.id, chip);
  for (const card of picture.cards) {
    if (card.form === "open")
      for (const row of card.rows) found.set(row.id, { x: card.x + card.w / 2, y: row.y + row.h / 2 });
    else
      found.set(card.form === "single" ? (card.only ?? card.id) : card.id, {
        x: card.x + card.w / 2,
        y: card.y + card.h / 2,
      });
  }
  return found;
}

/** The nearest in a cone to that side: far is worse, aside is twice as bad. */
export function nearest(from: Point, arrow: Arrow, of: ReadonlyMap<string, Point>, not: string | null): string | null {
  const way = WAYS[arrow];
  let best: string | null = null;
  let least = Infinity;
  for (const [id, at] of of) {
    if (id === not) continue;
    const ahead = (at.x - from.x) * way.x + (at.y - from.y) * way.y;
    const aside = Math.abs((at.x - from.x) * way.y) + Math.abs((at.y - from.y) * way.x);
    if (ahead <= 1 || aside > ahead * 3) continue;
    const far = ahead + 2 * aside;
    if (far < least) [best, least] = [id, far];
  }
  return best;
}
