/** The label of the line that is pointed at or focused, when it has none of its own. */

import { textWidth } from "../layout/text";
import type { Picture } from "../layout/model";
import type { Scene } from "../scene";
import { LabelShape } from "./shapes";

export function Hot({ picture, scene, id }: { picture: Picture; scene: Scene; id: string | null }) {
  const wire = id === null ? undefined : picture.wires.find((one) => one.id === id);
  const line = scene.graph.lines.find((one) => one.id === id);
  if (!wire || !line || wire.label) return null;
  const signed = wire.sign !== null;
  const w = Math.ceil(textWidth(`${line.label} ${line.note}`, 11)) + (signed ? 28 : 16);
  const label = { x: wire.middle.x - w / 2, y: wire.middle.y - 9.5, w, h: 19, text: line.label, note: line.note };
  const { box } = picture;
  return (
    <svg
      class="layer hotlabel"
      style={{ left: `${box.x}px`, top: `${box.y}px` }}
      width={box.w}
      height={box.h}
      viewBox={`${box.x} ${box.y} ${box.w} ${box.h}`}
      aria-hidden="true"
    >
      <LabelShape id={line.id} label={label} state={line.state} selected={false} />
    </svg>
  );
}
