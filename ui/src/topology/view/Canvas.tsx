/** The picture one can move, point at and walk through by keys. */

import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import type { Picture, Point } from "../layout/model";
import type { Scene } from "../scene";
import { Chooser, type Choice } from "./Chooser";
import { around } from "./frame";
import { Hot } from "./Hot";
import { Layers } from "./Layers";
import { enter, onCanvas } from "./onCanvas";
import { useStand, type Stander } from "./useStand";

/** An edge, or a node (a process inside or a peer outside). */
export interface Selected {
  readonly kind: "line" | "process";
  readonly id: string;
}

/** Below this distance of neighbours on the screen, names are too close to be read. */
const READABLE = 40;

export interface CanvasProps {
  picture: Picture;
  scene: Scene;
  title: string;
  sub: string;
  name: string;
  selected: Selected | null;
  onSelect: (selected: Selected | null) => void;
  problems: boolean;
  stale: boolean;
  z: string | null;
  onMoved: (z: string, released: boolean) => void;
  onHeld: (held: boolean) => void;
  /** Of the instance: another one begins anew. */
  epoch: string;
  control: (stander: Stander | null, fit: () => void) => void;
}

export function Canvas(props: CanvasProps) {
  const { picture, scene, selected } = props;
  const canvas = useRef<HTMLDivElement>(null);
  const world = useRef<HTMLDivElement>(null);
  const [hot, setHot] = useState<string | null>(null);
  const [choice, setChoice] = useState<Choice | null>(null);
  const epoch = `${props.epoch} ${picture.rings} ${picture.dense}`;
  const { stander, k, sized } = useStand(canvas, world, picture.box, epoch, props.z, props.onMoved, props.onHeld);
  const line = selected?.kind === "line" ? (scene.lineOf.get(selected.id) ?? null) : null;
  const node = selected?.kind === "process" ? selected.id : null;

  useEffect(() => {
    props.control(stander.current, () => stander.current?.fit(picture.box));
  }, [picture.box]);
  useEffect(() => {
    const points = line !== null ? pointsOf(picture, line) : [];
    if (points.length > 0) stander.current?.show(around(points, 2));
  }, [line, sized, picture.rings]);
  useLayoutEffect(() => {
    enter(world.current);
    mark(world.current, picture, hot);
  }, [hot, picture]);

  const events = useEvents(props, setHot, setChoice, stander, world);
  const far = picture.pitch * k < READABLE;
  const form = [
    props.problems ? "problems" : "",
    props.stale ? "stale" : "",
    far ? "far" : "",
    picture.dense ? "dense" : "",
  ];
  return (
    <div class="canvas" ref={canvas} {...events}>
      <div class={`world ${form.filter(Boolean).join(" ")}`} ref={world} role="group" aria-label={props.name}>
        <Layers picture={picture} scene={scene} title={props.title} sub={props.sub} line={line} node={node} />
        <Hot picture={picture} scene={scene} id={hot} />
      </div>
      {choice ? (
        <Chooser
          choice={choice}
          scene={scene}
          at={stander.current?.toScreen(choice.at) ?? choice.at}
          close={() => {
            setChoice(null);
          }}
          onSelect={props.onSelect}
        />
      ) : null}
    </div>
  );
}

function useEvents(
  props: CanvasProps,
  point: (id: string | null) => void,
  choose: (choice: Choice | null) => void,
  stander: RefObject<Stander>,
  world: RefObject<HTMLElement>,
) {
  const latest = useRef(props);
  latest.current = props;
  return useMemo(
    () =>
      onCanvas(() => ({
        ...latest.current,
        point,
        choose,
        show: (at) => stander.current?.show(around([at], 60)),
        stop: () => world.current,
      })),
    [],
  );
}

/** Corners of all that a line is: its curve, and what stands at its ends. */
function pointsOf(picture: Picture, line: string): Point[] {
  const wire = picture.wires.find((one) => one.id === line);
  if (!wire) return [];
  const numbers = (wire.path.match(/-?\d+(\.\d+)?/g) ?? []).map(Number);
  const points: Point[] = [];
  for (let i = 0; i + 1 < numbers.length; i += 2) points.push({ x: numbers[i] ?? 0, y: numbers[i + 1] ?? 0 });
  const card = wire.trunk?.slice(wire.trunk.indexOf(" ") + 1);
  for (const one of picture.cards) {
    const held = one.id === card || one.only === wire.from || one.only === wire.to;
    if (held || one.rows.some((row) => row.id === wire.from || row.id === wire.to))
      points.push({ x: one.x, y: one.y }, { x: one.x + one.w, y: one.y + one.h });
  }
  for (const chip of picture.chips)
    if (chip.id === wire.from || chip.id === wire.to)
      points.push({ x: chip.x - chip.w / 2, y: chip.y }, { x: chip.x + chip.w / 2, y: chip.y });
  return points;
}

/** What is looked at keeps its colour, everything else fades: by attributes that no redraw touches. */
function mark(world: HTMLElement | null, picture: Picture, hot: string | null): void {
  if (!world) return;
  for (const element of world.querySelectorAll("[data-hot]")) element.removeAttribute("data-hot");
  world.toggleAttribute("data-dim", hot !== null);
  if (hot === null) return;
  const lit = new Set<string>([hot]);
  for (const wire of picture.wires) {
    const touches = wire.id === hot || wire.from === hot || wire.to === hot || wire.trunk?.endsWith(` ${hot}`);
    if (!touches) continue;
    lit.add(wire.id).add(wire.from).add(wire.to);
    if (wire.trunk !== null) lit.add(wire.trunk).add(wire.trunk.slice(wire.trunk.indexOf(" ") + 1));
  }
  for (const element of world.querySelectorAll<SVGElement>(
    "[data-line], [data-node], [data-card], [data-of], [data-trunk], [data-label]",
  )) {
    const { line, node, card, of, trunk, label } = element.dataset;
    const id = line ?? node ?? card ?? of ?? trunk ?? label;
    if (id !== undefined && lit.has(id)) element.setAttribute("data-hot", "");
  }
}
