/** The shapes of the picture: processes, cards, lines, labels. Names are text nodes, whatever a process is called. */

import type { Card, Chip, Head, Label, State, Trunk, Wire } from "../layout/model";
import { textWidth } from "../layout/text";
import { steady } from "./memo";

/** A form for each bad state, so that colour never stands alone. */
export function signPath(state: State, x: number, y: number, r = 4): string {
  if (state === "failing") return `M${x} ${y - r}L${x + r} ${y}L${x} ${y + r}L${x - r} ${y}Z`;
  if (state === "slow") return `M${x} ${y - r}L${x + r} ${y + 0.8 * r}H${x - r}Z`;
  return `M${x} ${y + r}L${x + r} ${y - 0.8 * r}H${x - r}Z`;
}

const bad = (state: State): boolean => state === "failing" || state === "slow" || state === "better";

export const HexagonShape = steady(function HexagonShape(props: {
  path: string;
  top: number;
  title: string;
  sub: string;
}) {
  return (
    <>
      <path class="hexagon" d={props.path} />
      <text class="hexname" x={0} y={props.top - 28} text-anchor="middle">
        {props.title}
      </text>
      <text class="hexsub" x={0} y={props.top - 12} text-anchor="middle">
        {props.sub}
      </text>
    </>
  );
});

export const ChipBox = steady(function ChipBox({ chip }: { chip: Chip }) {
  const { x, y, w, h, state } = chip;
  return (
    <g class={`chip arriving ${state}`} data-of={chip.id} style={{ transform: `translate(${x}px, ${y}px)` }}>
      <rect class="box" x={-w / 2} y={-h / 2} width={w} height={h} rx={h < 32 ? 5 : 8} />
      <circle class="afar" r={7} />
    </g>
  );
});

/** What is focused, pressed and read of a process: its box is below the bad lines, its name above them. */
export const ChipName = steady(function ChipName(props: { chip: Chip; selected: boolean; described: string }) {
  const { chip, selected, described } = props;
  const { w, h } = chip;
  const roomy = h >= 32;
  return (
    <g
      class={`chipname arriving ${chip.state}`}
      role="button"
      tabindex={-1}
      aria-label={`${chip.name}, inside`}
      aria-description={described || undefined}
      aria-pressed={selected}
      data-node={chip.id}
      style={{ transform: `translate(${chip.x}px, ${chip.y}px)` }}
    >
      {chip.cut === chip.name ? null : <title>{chip.name}</title>}
      <rect class="ring" x={-w / 2} y={-h / 2} width={w} height={h} rx={roomy ? 8 : 5} />
      <text class={roomy ? "name" : "name small"} text-anchor="middle" y={roomy && chip.sub ? -3 : 4}>
        {chip.cut}
      </text>
      {roomy && chip.sub ? (
        <text class="sub" text-anchor="middle" y={13}>
          {chip.sub}
        </text>
      ) : null}
    </g>
  );
});

const DOTS = 12;

export const CardShape = steady(function CardShape(props: { card: Card; picked: string | null }) {
  const { card, picked } = props;
  const { only } = card;
  const place = { transform: `translate(${card.x}px, ${card.y}px)` };
  if (card.form === "open")
    return (
      <g class={`card arriving ${card.state}`} style={place}>
        <rect class="box" width={card.w} height={card.h} rx={6} />
        <text class="name small" x={10} y={15} aria-hidden="true">
          {card.cut}
        </text>
        <text class="sub" x={card.w - 10} y={15} text-anchor="end" aria-hidden="true">
          {card.sub}
        </text>
        {card.rows.map((row) => (
          <g
            key={row.id}
            class={`member ${row.state}`}
            role="button"
            tabindex={-1}
            aria-label={`${row.name}, outside`}
            aria-pressed={picked === row.id}
            data-node={row.id}
          >
            {row.cut === row.name ? null : <title>{row.name}</title>}
            <rect class="row" x={4} y={row.y - card.y} width={card.w - 8} height={row.h} rx={4} />
            <text class="name small" x={10} y={row.y - card.y + 15}>
              {row.cut}
            </text>
            <text class="sub" x={card.w - 10} y={row.y - card.y + 15} text-anchor="end">
              {row.sub}
            </text>
          </g>
        ))}
      </g>
    );
  return (
    <g
      class={`card arriving ${card.state}`}
      role="button"
      tabindex={-1}
      aria-label={card.members > 1 ? `${card.name}, outside, ${card.members} peers` : `${card.name}, outside`}
      aria-pressed={only !== null && picked === only}
      {...(card.form === "single" && only !== null ? { "data-node": only } : { "data-card": card.id })}
      style={place}
    >
      {card.cut === card.name ? null : <title>{card.name}</title>}
      <rect class="box" width={card.w} height={card.h} rx={6} />
      {card.form === "single" ? <Single card={card} /> : <Closed card={card} />}
    </g>
  );
});

function Single({ card }: { card: Card }) {
  return (
    <>
      <text class="name" x={10} y={card.sub ? 19 : 27}>
        {card.cut}
      </text>
      <text class="sub" x={10} y={36}>
        {card.sub}
      </text>
    </>
  );
}

function Closed({ card }: { card: Card }) {
  const room = Math.min(DOTS, Math.floor((card.w - 26 - textWidth(card.sub, 11)) / 8));
  const shown = card.dots.length > room ? room - 2 : card.dots.length;
  return (
    <>
      <text class="name small" x={10} y={13}>
        {card.cut}
      </text>
      <text class="sub" x={card.w - 10} y={13} text-anchor="end">
        ×{card.members}
      </text>
      {card.dots.slice(0, shown).map((state, i) => (
        <circle key={i} class={`dot ${state}`} cx={13 + i * 8} cy={22} r={2.6} />
      ))}
      {shown < card.dots.length ? (
        <text class="sub" x={10 + shown * 8} y={26}>
          +{card.dots.length - shown}
        </text>
      ) : null}
      <text class="sub value" x={card.w - 10} y={26} text-anchor="end">
        {card.sub}
      </text>
    </>
  );
}

function HeadShape({ head }: { head: Head }) {
  const { x, y, angle, length, half } = head;
  return (
    <path
      class="head"
      transform={`translate(${x.toFixed(1)} ${y.toFixed(1)}) rotate(${angle.toFixed(1)})`}
      d={`M-1 ${(-half).toFixed(1)}L${length.toFixed(1)} 0L-1 ${half.toFixed(1)}Z`}
    />
  );
}

export const TrunkShape = steady(function TrunkShape({ trunk }: { trunk: Trunk }) {
  return (
    <g class={`trunk ${trunk.state}${trunk.partial ? " partial" : ""}`} data-trunk={trunk.id}>
      <path class="wire" d={trunk.path} stroke-width={trunk.width} />
      {trunk.head ? <HeadShape head={trunk.head} /> : null}
      <circle class="dot" cx={trunk.gate.x} cy={trunk.gate.y} r={3} />
    </g>
  );
});

export const WireShape = steady(function WireShape(props: {
  wire: Wire;
  name: string;
  why: string;
  selected: boolean;
}) {
  const { wire, selected } = props;
  const form = [wire.state, wire.quiet ? "quiet" : "", wire.partial ? "partial" : "", wire.gone ? "gone" : ""];
  return (
    <g
      class={`line ${form.filter(Boolean).join(" ")}`}
      role="button"
      tabindex={-1}
      aria-label={props.name}
      aria-description={props.why || undefined}
      aria-pressed={selected}
      data-line={wire.id}
    >
      <path class="hit" d={wire.path} />
      {selected ? <path class="halo" d={wire.path} stroke-width={wire.width + 10} /> : null}
      {bad(wire.state) ? <path class="casing" d={wire.path} stroke-width={wire.width + 4} /> : null}
      <path class="wire" d={wire.path} stroke-width={wire.width} />
      {wire.cycle > 0 && !wire.quiet ? (
        <path
          class="flow"
          d={wire.path}
          stroke-width={Math.max(1.6, wire.width * 0.5)}
          style={{ animationDuration: `${wire.cycle}s` }}
        />
      ) : null}
      {wire.head ? <HeadShape head={wire.head} /> : null}
    </g>
  );
});

export const LabelShape = steady(function LabelShape(props: {
  id: string;
  label: Label;
  state: State;
  selected: boolean;
}) {
  const { label, state } = props;
  const { x, y, w, h } = label;
  const signed = bad(state);
  return (
    <g class={`label ${state}${props.selected ? " selected" : ""}`} data-label={props.id} aria-hidden="true">
      <rect x={x} y={y} width={w} height={h} rx={h / 2} />
      {signed ? <path class="sign" d={signPath(state, x + 12, y + h / 2)} /> : null}
      <text x={signed ? x + 20 : x + w / 2} y={y + 13.5} text-anchor={signed ? "start" : "middle"}>
        <tspan class="protocol">{label.text}</tspan>
        {label.note ? ` ${label.note}` : ""}
      </text>
    </g>
  );
});

/** A bad line without room for words: its sign alone. */
export const SignShape = steady(function SignShape(props: { id: string; x: number; y: number; state: State }) {
  const { x, y, state } = props;
  return (
    <g class={`label alone ${state}`} data-label={props.id} aria-hidden="true">
      <rect x={x - 8} y={y - 8} width={16} height={16} rx={8} />
      <path class="sign" d={signPath(state, x, y)} />
    </g>
  );
});
