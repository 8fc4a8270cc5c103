/* How a line gets past the cards of the columns between its ends: through the lanes above and below them. Pure. */

export const CARD = { width: 196, height: 68 };
/** From row to row. */
export const ROW = 92;
/** Of the picture: as much as a line needs that turns round a card there. */
export const EDGE = 24;
const TURN = 20;
const GAP = (ROW - CARD.height) / 2;
/** No line comes nearer to a card that it passes, and none to another one in the same lane, px. */
const CLEAR = 4;
const APART = 5;
/** So much further a lane may be that holds no other line, px. */
const SHARED = 40;
/** An arrow's tip, before the card. */
const TIP = 7;

type Point = readonly [number, number];
type Curve = readonly [Point, Point, Point, Point];
/** What stands in a column. */
interface Standing {
  x: number;
  y: number;
}

/** Cards of each column, and where lines pass it so far. */
export class Lanes {
  private readonly cards = new Map<number, number[]>();
  private readonly used = new Map<number, number[]>();

  constructor(
    standing: readonly Standing[],
    private readonly column: number,
  ) {
    for (const { x, y } of standing) this.cards.set(this.of(x), [...(this.cards.get(this.of(x)) ?? []), y]);
  }

  private of(x: number): number {
    return Math.round((x - EDGE) / this.column);
  }

  /** From the right border of a card to the left one of another. */
  route(from: Standing, to: Standing): Curve[] {
    const [first, last] = [this.of(from.x), this.of(to.x)];
    const end: Point = [to.x - TIP, to.y + CARD.height / 2];
    const made: Curve[] = [];
    let at: Point = [from.x + CARD.width, from.y + CARD.height / 2];
    const go = (x: number, y: number, out: 1 | -1, into: 1 | -1): void => {
      const bend = out === into ? Math.abs(x - at[0]) / 2 : TURN;
      made.push([at, [at[0] + out * bend, at[1]], [x - into * bend, y], [x, y]]);
      at = [x, y];
    };
    const ahead = first < last ? 1 : -1;
    // A call back, or within a column, goes round the card that makes it, and past its own column and the last one, too.
    const passed = ahead === 1 ? [first + 1, last - 1] : [first, last];
    for (let column = passed[0] ?? 0; ahead * column <= ahead * (passed[1] ?? 0); column += ahead) {
      const left = EDGE + column * this.column;
      const y = this.lane(column, ahead === 1 ? straightAt(at, end, left + CARD.width / 2) : at[1]);
      if (y === null) continue;
      const [near, far] = [left - CLEAR, left + CARD.width + CLEAR];
      go(ahead === 1 ? near : far, y, made.length === 0 ? 1 : ahead, ahead);
      go(ahead === 1 ? far : near, y, ahead, ahead);
    }
    go(end[0], end[1], ahead, 1);
    return made;
  }

  /** Where to pass a column: at `y` if no card is there, else in the nearest lane; null where nothing stands. */
  private lane(column: number, y: number): number | null {
    const cards = this.cards.get(column);
    if (cards === undefined) return null;
    const used = this.used.get(column) ?? [];
    const lanes = cards.flatMap((top) => [top - GAP, top + CARD.height + GAP]);
    const some = [y, ...lanes.flatMap((middle) => [middle, middle + APART, middle - APART])];
    const free = some.filter((at) => !cards.some((top) => at > top - CLEAR && at < top + CARD.height + CLEAR));
    const cost = (at: number): number => Math.abs(at - y) + (used.some((other) => Math.abs(other - at) < APART) ? SHARED : 0);
    const best = free.sort((a, b) => cost(a) - cost(b) || b - a)[0] ?? y;
    this.used.set(column, [...used, best]);
    return best;
  }
}

/** Where a straight line between two points is at `x`. */
function straightAt(from: Point, to: Point, x: number): number {
  return from[1] + ((to[1] - from[1]) * (x - from[0])) / (to[0] - from[0]);
}

/** A point of a line; `t` from 0 to 1. */
export function along(curves: readonly Curve[], t: number): { x: number; y: number } {
  const at = Math.min(curves.length - 1, Math.floor(t * curves.length));
  const curve = curves[at];
  if (curve === undefined) return { x: 0, y: 0 };
  const part = t * curves.length - at;
  const weights = [(1 - part) ** 3, 3 * part * (1 - part) ** 2, 3 * part * part * (1 - part), part ** 3];
  const sum = (axis: 0 | 1): number => curve.reduce((all, point, index) => all + point[axis] * (weights[index] ?? 0), 0);
  return { x: sum(0), y: sum(1) };
}

/** As SVG draws it. */
export function drawn(curves: readonly Curve[]): string {
  const text = ([x, y]: Point): string => `${x.toFixed(1)} ${y.toFixed(1)}`;
  return curves.map(([from, one, two, to], index) => `${index === 0 ? `M${text(from)}` : ""}C${text(one)} ${text(two)} ${text(to)}`).join("");
}
