/** The picture of a graph, laid out in a worker at most once a second, at once when the reader asked for a change. */

import { useEffect, useRef, useState } from "preact/hooks";

import { layout } from "../layout/layout";
import type { Graph, Picture } from "../layout/model";
import { layoutWorker } from "./beside";

const EVERY_MS = 1000;

/** Gives the layout of graphs, one at a time; of those that wait only the last is laid out. */
class Painter {
  private worker: Worker | null = null;
  private busy = false;
  private waiting: Graph | null = null;
  private steps: Picture["steps"] = {};
  private began = 0;
  private timer = 0;

  constructor(private readonly done: (picture: Picture) => void) {
    this.worker = layoutWorker();
    if (this.worker === null) return;
    this.worker.onmessage = (event: MessageEvent<Picture>) => {
      this.took(event.data);
    };
    this.worker.onerror = () => {
      this.alone();
    };
  }

  draw(graph: Graph, urgent: boolean): void {
    this.waiting = graph;
    clearTimeout(this.timer);
    const wait = urgent ? 0 : this.began + EVERY_MS - performance.now();
    if (wait > 0)
      this.timer = window.setTimeout(() => {
        this.next();
      }, wait);
    else this.next();
  }

  /** Widths are of another measure now: those from before hold nobody back. */
  forget(): void {
    this.steps = {};
  }

  end(): void {
    clearTimeout(this.timer);
    this.worker?.terminate();
    this.worker = null;
  }

  private alone(): void {
    this.worker?.terminate();
    this.worker = null;
    this.busy = false;
    this.next();
  }

  private next(): void {
    if (this.busy || this.waiting === null) return;
    const graph = { ...this.waiting, before: this.steps };
    this.began = performance.now();
    if (this.worker === null) {
      this.waiting = null;
      this.took(layout(graph));
      return;
    }
    this.busy = true;
    this.worker.postMessage(graph);
    this.waiting = null;
  }

  private took(picture: Picture): void {
    this.busy = false;
    this.steps = picture.steps;
    this.done(picture);
    if (this.waiting !== null) this.draw(this.waiting, false);
  }
}

/** `wish` names what the reader asked for: another value is laid out at once. `measure`: of the widths. */
export function usePicture(graph: Graph | null, wish: string, measure: string): Picture | null {
  const [picture, setPicture] = useState<Picture | null>(null);
  const painter = useRef<Painter | null>(null);
  const asked = useRef({ wish, measure });
  useEffect(() => {
    const made = new Painter(setPicture);
    painter.current = made;
    return () => {
      made.end();
      painter.current = null;
    };
  }, []);
  useEffect(() => {
    if (graph === null || painter.current === null) return;
    if (asked.current.measure !== measure) painter.current.forget();
    painter.current.draw(graph, asked.current.wish !== wish || asked.current.measure !== measure);
    asked.current = { wish, measure };
  }, [graph, wish, measure]);
  return graph === null ? null : picture;
}
