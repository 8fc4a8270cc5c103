/** The process topology: the picture, what is over it, and what it says when there is nothing to draw. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import type { Trouble } from "../../api/poll";
import { bind } from "../../frame/keys";
import { SILENT_SECONDS, silentFor } from "../../frame/health";
import { tell } from "../../frame/Say";
import type { WholeTopology } from "../../generated/questions";
import { scene as sceneOf, type Change, type Scene, type WidthBy } from "../scene";
import { Canvas, type Selected } from "./Canvas";
import { Legend } from "./Legend";
import { Problems } from "./Problems";
import { Banners, Nothing, type Travel } from "./States";
import { Toolbar } from "./Toolbar";
import { usePicture } from "./usePicture";
import type { Stander } from "./useStand";
import "./topology.css";

export interface TopologyProps {
  /** The last answer; null before the first. */
  data: WholeTopology | null;
  trouble: Trouble | null;
  /** When the answer came, ms; 0 for none. */
  at: number;
  retry: () => void;
  selected: Selected | null;
  onSelect: (selected: Selected | null) => void;
  show: "all" | "problems";
  onShow: (show: "all" | "problems") => void;
  width: WidthBy;
  onWidth: (width: WidthBy) => void;
  /** `1.4,120,-30` of the address; null until the reader moved it. */
  z: string | null;
  onMoved: (z: string, released: boolean) => void;
  travel: Travel;
  /** Of a comparison, by edge: worse is failing, better is better. */
  changes?: ReadonlyMap<string, Change> | null;
}

export function Topology(props: TopologyProps) {
  const { data, selected } = props;
  const silent = data === null ? 0 : silentFor(data.instance.host, data.agentSilentSeconds);
  const stale = silent > SILENT_SECONDS || (props.trouble !== null && data !== null);
  const [held, setHeld] = useState(false);
  const scene = useScene(props, stale, held);
  const wish = `${selected?.kind ?? ""} ${selected?.id ?? ""} ${data?.instance.id ?? ""} ${props.changes ? "compared" : ""}`;
  const picture = usePicture(scene?.graph ?? null, wish, props.width);
  const fit = useRef<(() => void) | null>(null);
  const stander = useRef<Stander | null>(null);
  useKeys(props, scene, fit, stander);
  useNews(scene);
  const name = data === null || scene === null ? "Process topology" : nameOf(data, scene);
  const empty = data === null || data.edges.length === 0;
  return (
    <section class="topology" aria-label="Process topology">
      <Banners data={data} trouble={props.trouble} at={props.at} retry={props.retry} />
      {empty || scene === null || picture === null ? (
        <Nothing data={data} trouble={props.trouble} retry={props.retry} travel={props.travel} />
      ) : (
        <div class="stage">
          <Toolbar {...props} counts={scene.counts} fit={() => fit.current?.()} compared={Boolean(props.changes)} />
          <Canvas
            picture={picture}
            scene={scene}
            title={data.instance.name}
            sub={`${data.instance.host} · ${scene.counts.inside} ${scene.counts.inside === 1 ? "process" : "processes"}`}
            name={name}
            selected={selected}
            onSelect={props.onSelect}
            problems={props.show === "problems"}
            stale={stale}
            z={props.z}
            onMoved={props.onMoved}
            onHeld={setHeld}
            epoch={data.instance.id}
            control={(made, whole) => {
              stander.current = made;
              fit.current = whole;
            }}
          />
          <Legend width={props.width} compared={Boolean(props.changes)} />
          {picture.dense || props.show === "problems" ? (
            <Problems scene={scene} all={props.show === "problems"} onSelect={props.onSelect} onShow={props.onShow} />
          ) : null}
        </div>
      )}
    </section>
  );
}

/** The scene of the last answer. Once dense, and with so many places, it stays so while the instance is looked at. */
function useScene(props: TopologyProps, stale: boolean, held: boolean): Scene | null {
  const { width, changes = null } = props;
  // A hand on the picture moves what it sees; what is new waits for the hand to leave.
  const last = useRef(props.data);
  if (!held || last.current?.instance.id !== props.data?.instance.id) last.current = props.data;
  const data = last.current;
  const kept = useRef({ instance: "", places: 0, dense: false });
  const chosen = props.selected?.kind === "line" ? props.selected.id : null;
  return useMemo(() => {
    if (data === null) return null;
    if (kept.current.instance !== data.instance.id)
      kept.current = { instance: data.instance.id, places: 0, dense: false };
    const made = sceneOf(data, { ...kept.current, width, selected: chosen, stale, changes });
    kept.current = { ...kept.current, places: made.graph.places, dense: made.closed };
    return made;
  }, [data, width, chosen, stale, changes]);
}

function nameOf(data: WholeTopology, { counts }: Scene): string {
  const parts = [
    `${counts.inside} inside`,
    `${counts.outside} outside`,
    `${counts.lines} ${counts.lines === 1 ? "line" : "lines"}`,
  ];
  if (counts.failing > 0) parts.push(`${counts.failing} failing`);
  if (counts.slow > 0) parts.push(`${counts.slow} slow`);
  return `Process topology of ${data.instance.name}, ${parts.join(", ")}`;
}

/** `n` `p` go through the problems, `l` shows only them, `+` `-` `0` zoom. */
function useKeys(
  props: TopologyProps,
  scene: Scene | null,
  fit: { current: (() => void) | null },
  stander: { current: Stander | null },
): void {
  const latest = useRef({ props, scene });
  latest.current = { props, scene };
  useEffect(() => {
    const step = (by: number) => () => {
      const { props: now, scene: seen } = latest.current;
      const bad = problems(seen);
      if (bad.length === 0) return false;
      const at = bad.findIndex((id) => id === now.selected?.id);
      const next = bad[at < 0 ? (by > 0 ? 0 : bad.length - 1) : (at + by + bad.length) % bad.length];
      if (next !== undefined) now.onSelect({ kind: "line", id: next });
      return true;
    };
    const does = (what: () => void) => () => {
      what();
      return true;
    };
    return bind([
      { keys: ["n"], does: "next problem", run: step(1) },
      { keys: ["p"], does: "previous problem", run: step(-1) },
      {
        keys: ["l"],
        does: "all lines or problems",
        run: does(() => latest.current.props.onShow(latest.current.props.show === "all" ? "problems" : "all")),
      },
      { keys: ["+", "="], does: "zoom in", run: does(() => stander.current?.zoomBy(1.25)) },
      { keys: ["-"], does: "zoom out", run: does(() => stander.current?.zoomBy(0.8)) },
      { keys: ["0"], does: "fit to view", run: does(() => fit.current?.()) },
      { keys: ["arrows"], does: "nearest process or peer; with Alt along its lines" },
    ]);
  }, []);
}

/** Edges of the bad lines, the worst first. */
function problems(scene: Scene | null): string[] {
  return [...(scene?.lines.values() ?? [])].flatMap((shown) => (shown.why ? [shown.edges[0]?.id ?? ""] : []));
}

/** Changes of a state are read aloud. */
function useNews(scene: Scene | null): void {
  const before = useRef<ReadonlyMap<string, string> | null>(null);
  const [, tellAgain] = useState(0);
  useEffect(() => {
    if (scene === null) return;
    const now = new Map([...scene.lines.values()].map((shown) => [shown.id, shown.state]));
    for (const shown of scene.lines.values()) {
      if (before.current === null || !before.current.has(shown.id) || before.current.get(shown.id) === shown.state)
        continue;
      if (shown.state === "none") continue;
      tell(`${shown.client} to ${shown.server} is ${shown.state}${shown.brief ? `: ${shown.brief}` : ""}`);
      break;
    }
    before.current = now;
    tellAgain(0);
  }, [scene]);
}
