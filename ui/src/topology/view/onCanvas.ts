/** What a pointer and a key do on the picture: one listener for all of it. */

import { severity } from "../layout/sides";
import type { Picture, Point } from "../layout/model";
import type { Scene } from "../scene";
import type { Selected } from "./Canvas";
import type { Choice } from "./Chooser";
import { isArrow, nearest, stops, type Arrow } from "./neighbours";

export interface Does {
  readonly picture: Picture;
  readonly scene: Scene;
  readonly onSelect: (selected: Selected | null) => void;
  readonly point: (id: string | null) => void;
  readonly choose: (choice: Choice | null) => void;
  readonly show: (at: Point) => void;
  readonly stop: () => HTMLElement | null;
}

const THING = "[data-line], [data-node], [data-card]";

interface Thing {
  readonly element: SVGElement;
  readonly kind: "line" | "node" | "card";
  readonly id: string;
}

function thingOf(target: EventTarget | null): Thing | null {
  const label = target instanceof Element ? target.closest<SVGElement>("[data-label]") : null;
  const element = label ?? (target instanceof Element ? target.closest<SVGElement>(THING) : null);
  if (!element) return null;
  const { line, node, card, label: labelled } = element.dataset;
  const id = line ?? labelled ?? node ?? card ?? "";
  return { element, kind: (line ?? labelled) !== undefined ? "line" : node !== undefined ? "node" : "card", id };
}

export function onCanvas(now: () => Does) {
  const pointed = (event: PointerEvent): void => {
    // While the picture is dragged, what passes under the pointer is not looked at.
    if (event.buttons === 0) now().point(thingOf(event.target)?.id ?? null);
  };
  return {
    onPointerOver: pointed,
    onPointerLeave: () => {
      now().point(null);
    },
    onFocusIn: (event: FocusEvent) => {
      const thing = thingOf(event.target);
      if (!thing) return;
      rove(now().stop(), thing.element);
      if (event.target instanceof Element && event.target.matches(":focus-visible")) {
        now().point(thing.id);
        const at = placeOf(now().picture, thing);
        if (at) now().show(at);
      }
    },
    onFocusOut: () => {
      now().point(null);
    },
    onClick: (event: MouseEvent) => {
      const thing = thingOf(event.target);
      if (thing) open(thing, now());
      else if (event.target instanceof Element && !event.target.closest(".over")) {
        now().choose(null);
        now().onSelect(null);
      }
    },
    onKeyDown: (event: KeyboardEvent) => {
      const thing = thingOf(event.target);
      if (!thing || event.ctrlKey || event.metaKey) return;
      if (event.key === "Enter" || event.key === " ") open(thing, now());
      else if (isArrow(event.key)) walk(thing, event.key, event.altKey, now());
      else return;
      event.preventDefault();
    },
  };
}

/** One stop for Tab: the thing that had the focus last. */
function rove(world: HTMLElement | null, to: SVGElement | null): void {
  for (const element of world?.querySelectorAll('[tabindex="0"]') ?? []) element.setAttribute("tabindex", "-1");
  to?.setAttribute("tabindex", "0");
}

/** Tab comes in at the first process, until something had the focus. */
export function enter(world: HTMLElement | null): void {
  if (!world?.querySelector('[tabindex="0"]')) rove(world, world?.querySelector<SVGElement>(THING) ?? null);
}

function open(thing: Thing, does: Does): void {
  const { scene, onSelect } = does;
  if (thing.kind === "node") {
    onSelect({ kind: "process", id: thing.id });
    return;
  }
  const choice = thing.kind === "line" ? ofLine(thing, does) : ofCard(thing, does);
  const [only] = choice.edges;
  const [member] = choice.members;
  if (thing.kind === "line" && only && choice.edges.length === 1) onSelect({ kind: "line", id: only.id });
  else if (thing.kind === "card" && member && choice.members.length === 1) onSelect({ kind: "process", id: member });
  else if (scene.lines.size > 0) does.choose(choice);
}

function ofLine(thing: Thing, { scene, picture }: Does): Choice {
  const shown = scene.lines.get(thing.id);
  const at = placeOf(picture, thing) ?? { x: 0, y: 0 };
  const title = shown ? `${shown.client} to ${shown.server}, ${shown.label}` : thing.id;
  return { title, at, edges: shown?.edges ?? [], members: [], back: thing.element };
}

function ofCard(thing: Thing, { scene, picture }: Does): Choice {
  const group = scene.graph.groups.find((one) => one.id === thing.id);
  const members = group?.members.map((member) => member.id) ?? [];
  const own = new Set(members);
  const edges = [...scene.lines.values()]
    .filter((shown) => own.has(shown.from) || own.has(shown.to))
    .sort((a, b) => severity(a.state) - severity(b.state))
    .flatMap((shown) => shown.edges);
  return {
    title: group?.name ?? thing.id,
    at: placeOf(picture, thing) ?? { x: 0, y: 0 },
    edges,
    members,
    back: thing.element,
  };
}

function placeOf(picture: Picture, thing: Thing): Point | undefined {
  if (thing.kind !== "line") return stops(picture).get(thing.id);
  return picture.wires.find((wire) => wire.id === thing.id)?.middle;
}

/** The nearest thing that way; with Alt from a thing to its lines, and from a line to its ends. */
function walk(thing: Thing, arrow: Arrow, along: boolean, does: Does): void {
  const { picture } = does;
  const from = placeOf(picture, thing);
  if (!from) return;
  const at = stops(picture);
  const to = along ? alongLines(thing, arrow, from, at, does) : nearest(from, arrow, at, thing.id);
  if (to === null) return;
  const world = does.stop();
  const name = CSS.escape(to);
  const found = world?.querySelector<SVGElement>(`[data-line="${name}"], [data-node="${name}"], [data-card="${name}"]`);
  found?.focus();
}

function alongLines(
  thing: Thing,
  arrow: Arrow,
  from: Point,
  at: ReadonlyMap<string, Point>,
  does: Does,
): string | null {
  const { picture } = does;
  const ends = (wire: Picture["wires"][number]): string[] => {
    const card = wire.trunk === null ? null : wire.trunk.slice(wire.trunk.indexOf(" ") + 1);
    return [wire.from, wire.to].map((end) => (at.has(end) ? end : (card ?? holder(picture, end))));
  };
  if (thing.kind === "line") {
    const wire = picture.wires.find((one) => one.id === thing.id);
    const own = new Map([...at].filter(([id]) => wire !== undefined && ends(wire).includes(id)));
    return nearest(from, arrow, own, null);
  }
  const lines = new Map(
    picture.wires.filter((wire) => ends(wire).includes(thing.id)).map((wire) => [wire.id, wire.middle]),
  );
  return nearest(from, arrow, lines, null);
}

/** A single peer is focused by its own id or by its card's. */
function holder(picture: Picture, member: string): string {
  return picture.cards.find((card) => card.rows.some((row) => row.id === member))?.id ?? member;
}
