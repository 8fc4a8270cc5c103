/** Zoom and pan: one transform of one element, so that a pan costs neither script nor layout of what is in it. */

import { select } from "d3-selection";
import { zoom as zoomBehaviour, zoomIdentity, type D3ZoomEvent, type ZoomBehavior } from "d3-zoom";
import type { RefObject } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

import type { Box, Point } from "../layout/model";
import { first, LEAST, MOST, read, showing, whole, written, type Size, type Stand } from "./frame";

type Zoomed = D3ZoomEvent<HTMLElement, unknown>;

interface Listens {
  zoomed: (k: number) => void;
  resized: () => void;
  /** A hand is on it. */
  held: (held: boolean) => void;
  /** The reader moved it: what the address says of it, and whether the hand is off. */
  moved: (z: string, released: boolean) => void;
}

/** The transform of the picture on its canvas. */
export class Stander {
  stand: Stand = { k: 1, x: 0, y: 0 };
  size: Size = { w: 0, h: 0 };
  private byReader = false;
  private readonly behaviour: ZoomBehavior<HTMLElement, unknown>;
  private readonly watch: ResizeObserver;

  constructor(
    private readonly canvas: HTMLElement,
    private readonly world: HTMLElement,
    private readonly listens: Listens,
  ) {
    this.behaviour = zoomBehaviour<HTMLElement, unknown>()
      .scaleExtent([LEAST, MOST])
      .clickDistance(4)
      .filter(wanted)
      .on("start", (event: Zoomed) => {
        if (event.sourceEvent !== null) this.hold(true);
      })
      .on("zoom", (event: Zoomed) => {
        this.took(event.transform, event.sourceEvent !== null);
      })
      .on("end", (event: Zoomed) => {
        this.hold(false);
        if (event.sourceEvent !== null && this.byReader) this.tell(true);
      });
    select(canvas).call(this.behaviour).on("dblclick.zoom", null);
    this.size = { w: canvas.clientWidth, h: canvas.clientHeight };
    this.watch = new ResizeObserver(() => {
      const now = { w: canvas.clientWidth, h: canvas.clientHeight };
      if (now.w === this.size.w && now.h === this.size.h) return;
      this.size = now;
      listens.resized();
    });
    this.watch.observe(canvas);
  }

  end(): void {
    this.watch.disconnect();
    select(this.canvas).on(".zoom", null);
  }

  /** Where the address says, else where all is seen best; stays where the reader put it. */
  begin(box: Box, z: string | null): void {
    if (this.size.w === 0) return;
    const asked = read(z, this.size);
    this.byReader = asked !== null;
    this.put(asked ?? first(box, this.size));
  }

  fit(box: Box): void {
    this.put(whole(box, this.size));
    this.tell(true);
  }

  zoomBy(factor: number): void {
    this.behaviour.scaleBy(select(this.canvas), factor);
    this.tell(true);
  }

  /** Moved no more than shows this. */
  show(box: Box): void {
    if (this.size.w > 0) this.put(showing(box, this.size, this.stand));
  }

  toScreen({ x, y }: Point): Point {
    return { x: x * this.stand.k + this.stand.x, y: y * this.stand.k + this.stand.y };
  }

  private hold(held: boolean): void {
    this.world.classList.toggle("moving", held);
    this.listens.held(held);
  }

  private put({ k, x, y }: Stand): void {
    this.behaviour.transform(select(this.canvas), zoomIdentity.translate(x, y).scale(k));
  }

  private took(to: Stand, byReader: boolean): void {
    const { k, x, y } = to;
    this.stand = { k, x, y };
    this.world.style.transform = `translate(${x}px, ${y}px) scale(${k})`;
    this.listens.zoomed(k);
    if (!byReader) return;
    this.byReader = true;
    this.tell(false);
  }

  private tell(released: boolean): void {
    this.listens.moved(written(this.stand, this.size), released);
  }
}

/** The wheel zooms, the main button and fingers move; a click on what is over the canvas is its own. */
function wanted(event: Event): boolean {
  if (event.target instanceof Element && event.target.closest(".over")) return false;
  return !(event instanceof MouseEvent) || event.type === "wheel" || event.button === 0;
}

/** `epoch`: another one (another instance, more rings) begins anew. `z`: from the address. */
export function useStand(
  canvas: RefObject<HTMLElement>,
  world: RefObject<HTMLElement>,
  box: Box | null,
  epoch: string,
  z: string | null,
  moved: (z: string, released: boolean) => void,
  held: (held: boolean) => void,
): { stander: RefObject<Stander>; k: number; sized: number } {
  const [k, setK] = useState(1);
  const [sized, setSized] = useState(0);
  const stander = useRef<Stander | null>(null);
  const report = useRef({ moved, held });
  report.current = { moved, held };
  // Before the first paint: the picture is never seen where it does not stand.
  useLayoutEffect(() => {
    if (!canvas.current || !world.current) return;
    const made = new Stander(canvas.current, world.current, {
      zoomed: setK,
      resized: () => {
        setSized((times) => times + 1);
      },
      moved: (to, released) => {
        report.current.moved(to, released);
      },
      held: (on) => {
        report.current.held(on);
      },
    });
    stander.current = made;
    return () => {
      made.end();
      stander.current = null;
    };
  }, []);
  useLayoutEffect(() => {
    if (box !== null) stander.current?.begin(box, z);
  }, [epoch, sized, box === null]);
  return { stander, k, sized };
}
