/** The bad lines by name: with many lines there is not room for words on each. */

import { many } from "../../words/numbers";
import { Sign } from "../../words/Sign";
import type { Scene, Shown } from "../scene";
import type { Selected } from "./Canvas";

const FEW = 3;

interface Props {
  scene: Scene;
  all: boolean;
  onSelect: (selected: Selected) => void;
  onShow: (show: "all" | "problems") => void;
}

export function Problems({ scene, all, onSelect, onShow }: Props) {
  const bad = [...scene.lines.values()].filter((shown) => shown.why !== "");
  if (bad.length === 0)
    return all ? (
      <p class="over problems-list quiet">Nothing needs a look: {many(scene.counts.lines, "line")}, all healthy.</p>
    ) : null;
  const shown = all ? bad : bad.slice(0, FEW);
  return (
    <nav class={all ? "over problems-list all" : "over problems-list"} aria-label="Problems">
      {shown.map((line) => (
        <Item key={line.id} line={line} onSelect={onSelect} />
      ))}
      {shown.length < bad.length ? (
        <button type="button" class="text" onClick={() => onShow("problems")}>
          {bad.length - shown.length} more
        </button>
      ) : null}
    </nav>
  );
}

function Item({ line, onSelect }: { line: Shown; onSelect: (selected: Selected) => void }) {
  const [edge] = line.edges;
  const state = line.state === "failing" ? "FAILING" : line.state === "better" ? "BETTER" : "SLOW";
  return (
    <button
      type="button"
      class="bare"
      title={line.why}
      onClick={() => {
        if (edge) onSelect({ kind: "line", id: edge.id });
      }}
    >
      <Sign state={state} />
      <b>
        {line.client} to {line.server}
      </b>
      <span class={state === "FAILING" ? "fail-text" : state === "SLOW" ? "slow-text" : ""}>{line.brief}</span>
    </button>
  );
}
