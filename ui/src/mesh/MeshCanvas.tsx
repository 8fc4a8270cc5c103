/* The services as cards, calls from left to right. */
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { MeshLineRow, WholeMesh } from "../generated/questions";
import { shorten, count, many, rate, share, time } from "../words/numbers";
import { Sign, WORDS } from "../words/Sign";
import { bad, problem } from "../words/state";
import { CARD } from "./lanes";
import { type MeshPicture, type Placed, layout } from "./layout";
import { type Figure, figure, namespaceName, perSecond, rateInWords, unread } from "./words";

const CLASSES: Record<string, string> = { FAILING: "fail", SLOW: "slow", HEALTHY: "ok", NONE: "none" };
/** Less than there is, so that no rounding brings a scroll bar, px. */
const ROUNDED = 1;
/** A small mesh is drawn larger on a large screen, but not more than this. */
const LARGEST = 1.5;
const WIDTHS: [number, number][] = [
  [1, 1.25],
  [10, 2],
  [100, 3],
  [1000, 4.25],
];

const thick = (perSecond: number): number => WIDTHS.find(([below]) => perSecond < below)?.[1] ?? 5.75;

function Card({ placed, mesh, open }: { placed: Placed; mesh: WholeMesh; open: (id: string) => void }) {
  const { service, x, y } = placed;
  // To a service that proxies do not read for, come connections.
  const coming = mesh.lines.filter((line) => line.server === service.id);
  const passed = service.requests === 0 && coming.some(unread);
  const all = coming.reduce((sum, line) => sum + perSecond(line, mesh.seconds), 0);
  return (
    <button
      type="button"
      class={`service ${CLASSES[service.state] ?? ""}`}
      style={{ left: `${x}px`, top: `${y}px`, width: `${CARD.width}px`, height: `${CARD.height}px` }}
      aria-label={`${service.name}, ${WORDS[service.state]}`}
      title={service.name}
      onClick={() => open(service.id)}
    >
      <b>
        <Sign state={service.state} quiet /> {shorten(service.name, 20)}
      </b>
      <span>{passed ? `${rate(all)} connections` : rate(service.rate)}</span>
      <span class="num">{service.p99Ns === null ? "" : `p99 ${time(service.p99Ns)}`}</span>
      <span>{many(service.instances.length, "pod")}</span>
      <span class="num">{service.requests > 0 ? `${share(service.errors / service.requests)} errors` : ""}</span>
    </button>
  );
}

function Hops({ picture, selected, seconds }: { picture: MeshPicture; selected: string | null; seconds: number }) {
  return (
    <svg width={picture.width} height={picture.height} aria-hidden="true">
      <defs>
        <marker id="mesh-arrow" viewBox="0 0 8 8" refX="2" refY="4" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto">
          <path d="M0 0 8 4 0 8Z" fill="context-stroke" />
        </marker>
      </defs>
      {picture.lines.map(({ line, path }) => (
        <g key={line.id} class={`hop ${CLASSES[line.state] ?? ""}${line.id === selected ? " chosen" : ""}`}>
          {line.id === selected ? <path class="halo" d={path} /> : null}
          <path class={line.clientSeen || line.serverSeen ? "" : "dashed"} d={path} stroke-width={thick(perSecond(line, seconds))} marker-end="url(#mesh-arrow)" />
        </g>
      ))}
    </svg>
  );
}

/** The size of what scrolls, px. */
function useRoom(of: RefObject<HTMLElement>): { width: number; height: number } {
  const [room, setRoom] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const element = of.current;
    if (element === null) return undefined;
    const seen = new ResizeObserver(() => setRoom({ width: element.clientWidth - ROUNDED, height: element.clientHeight }));
    seen.observe(element);
    return () => seen.disconnect();
  }, [of]);
  return room;
}

interface Props {
  mesh: WholeMesh;
  chosen: Figure;
  selected: string | null;
  problems: boolean;
  openLine: (id: string | null) => void;
  openService: (id: string) => void;
}

export function MeshCanvas({ mesh, chosen, selected, problems, openLine, openService }: Props) {
  const shown = problems ? mesh.lines.filter((line) => bad(line.state)) : mesh.lines;
  const scroll = useRef<HTMLDivElement>(null);
  const room = useRoom(scroll);
  const { seconds } = mesh;
  const words = (line: MeshLineRow): string => `${line.label} ${shorten(figure(line, chosen, seconds), 26)}`;
  const wide = (line: MeshLineRow): number => 20 + words(line).length * 6.4;
  const least = layout({ ...mesh, lines: shown }, wide);
  const scale = Math.max(1, Math.min(LARGEST, room.width / least.width, room.height / least.height));
  const picture = layout({ ...mesh, lines: shown }, wide, room.width / scale);
  useEffect(() => {
    // The panel that opens takes room from the line that it is about.
    if (selected !== null) scroll.current?.querySelector("[aria-pressed=true]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [selected, room.width]);
  const name = (id: string): string => mesh.services.find((service) => service.id === id)?.name ?? id;
  const title = `Mesh, ${count(mesh.services.length)} services, ${many(mesh.lines.length, "line")}, ${count(
    mesh.lines.filter((line) => line.state === "FAILING").length,
  )} failing`;
  return (
    <div class="mesh-scroll" ref={scroll}>
      <div
        class="mesh-canvas"
        role="group"
        aria-label={title}
        style={{ width: `${picture.width}px`, height: `${picture.height}px`, zoom: scale }}
      >
        {picture.bands.map((band) => (
          <span key={band.name} class="band-name quiet" style={{ top: `${band.y}px`, width: `${picture.width}px` }}>
            {namespaceName(band.name)}
          </span>
        ))}
        <Hops picture={picture} selected={selected} seconds={seconds} />
        {picture.services.map((placed) => (
          <Card key={placed.service.id} placed={placed} mesh={mesh} open={openService} />
        ))}
        {picture.lines.map(({ line, middle, worded }) => {
          return (
            <button
              key={line.id}
              type="button"
              data-row
              data-problem={problem(line.state)}
              class={`line-label ${CLASSES[line.state] ?? ""}`}
              aria-pressed={line.id === selected}
              aria-label={`${name(line.client)} to ${name(line.server)}, ${line.label}`}
              aria-description={`${WORDS[line.state]}${line.reasons.length > 0 ? `: ${line.reasons.join("; ")}` : ""}, ${rateInWords(line, seconds)}`}
              style={{ left: `${middle.x}px`, top: `${middle.y}px` }}
              onClick={() => openLine(line.id === selected ? null : line.id)}
            >
              {bad(line.state) ? <Sign state={line.state} quiet /> : null}
              {worded ? words(line) : bad(line.state) ? "" : "·"}
            </button>
          );
        })}
      </div>
    </div>
  );
}
