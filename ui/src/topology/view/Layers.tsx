/**
 * The picture as layers: where a thing is read and reached is the order of the document (processes, groups, lines, the
 * worst first), what covers what is the layers' own order (a bad line over the boxes, names over bad lines).
 */

import type { ComponentChildren } from "preact";

import type { Box, Picture, Wire } from "../layout/model";
import { severity } from "../layout/sides";
import type { Scene } from "../scene";
import { steady } from "./memo";
import { CardShape, ChipBox, ChipName, HexagonShape, LabelShape, SignShape, TrunkShape, WireShape } from "./shapes";

function Layer(props: { name: string; box: Box; hidden?: boolean; children: ComponentChildren }) {
  const { box } = props;
  return (
    <svg
      class={`layer ${props.name}`}
      style={{ left: `${box.x}px`, top: `${box.y}px` }}
      width={box.w}
      height={box.h}
      viewBox={`${box.x} ${box.y} ${box.w} ${box.h}`}
      aria-hidden={props.hidden ? "true" : undefined}
      role={props.hidden ? undefined : "presentation"}
      focusable="false"
    >
      {props.children}
    </svg>
  );
}

const Captions = steady(function Captions({ captions }: { captions: Picture["captions"] }) {
  return (
    <>
      {captions.map((caption) => (
        <text key={`${caption.text} ${caption.x}`} class="hexsub" x={caption.x} y={caption.y}>
          {caption.text}
        </text>
      ))}
    </>
  );
});

/** Lines that are drawn as one differ by what was dialed. */
function several(addresses: readonly string[]): string {
  if (addresses.length < 2) return "";
  const different = [...new Set(addresses)];
  const more = different.length > 3 ? ` and ${different.length - 3} more` : "";
  return `${addresses.length} lines, to ${different.slice(0, 3).join(", ")}${more}`;
}

export interface LayersProps {
  picture: Picture;
  scene: Scene;
  title: string;
  sub: string;
  /** Ids of the selected line and node. */
  line: string | null;
  node: string | null;
}

const isBad = (wire: Wire): boolean => severity(wire.state) <= severity("better");

export function Layers({ picture, scene, title, sub, line, node }: LayersProps) {
  const { box } = picture;
  const order = new Map([...scene.lines.keys()].map((id, i) => [id, i]));
  const wires = [...picture.wires].sort((a, b) => (order.get(a.id) ?? 0) - (order.get(b.id) ?? 0));
  const wire = (one: Wire) => {
    const shown = scene.lines.get(one.id);
    if (!shown) return null;
    const name = `${shown.client} to ${shown.server}, ${shown.label}`;
    const more = several(shown.edges.map((edge) => edge.address));
    const why = [shown.why, more].filter(Boolean).join("; ");
    return <WireShape key={one.id} wire={one} name={name} why={why} selected={line === one.id} />;
  };
  return (
    <>
      <Layer name="names" box={box}>
        {picture.chips.map((chip) => (
          <ChipName
            key={chip.id}
            chip={chip}
            selected={node === chip.id}
            described={chip.state === "failing" || chip.state === "slow" ? `has a line that is ${chip.state}` : ""}
          />
        ))}
        {picture.cards.map((card) => (
          <CardShape key={card.id} card={card} picked={node} />
        ))}
      </Layer>
      <Layer name="bad" box={box}>
        {wires.filter(isBad).map(wire)}
      </Layer>
      <Layer name="healthy" box={box}>
        {wires.filter((one) => !isBad(one)).map(wire)}
      </Layer>
      <Layer name="ground" box={box} hidden>
        <HexagonShape path={picture.hexagon} top={-picture.corner.y} title={title} sub={sub} />
        <Captions captions={picture.captions} />
        {picture.trunks.map((trunk) => (
          <TrunkShape key={trunk.id} trunk={trunk} />
        ))}
      </Layer>
      <Layer name="boxes" box={box} hidden>
        {picture.chips.map((chip) => (
          <ChipBox key={chip.id} chip={chip} />
        ))}
      </Layer>
      <Layer name="words" box={box} hidden>
        {wires.map((one) =>
          one.label ? (
            <LabelShape key={one.id} id={one.id} label={one.label} state={one.state} selected={line === one.id} />
          ) : one.sign ? (
            <SignShape key={one.id} id={one.id} x={one.sign.x} y={one.sign.y} state={one.state} />
          ) : null,
        )}
      </Layer>
    </>
  );
}
