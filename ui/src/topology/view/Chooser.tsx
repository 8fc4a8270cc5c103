/** Several lines behind one drawn line or one card: which one is meant. */

import { useEffect, useRef } from "preact/hooks";

import type { TopologyLine } from "../../generated/questions";
import { many, rate } from "../../words/numbers";
import { Sign } from "../../words/Sign";
import type { Point } from "../layout/model";
import type { Scene } from "../scene";
import type { Selected } from "./Canvas";

export interface Choice {
  readonly title: string;
  readonly at: Point;
  readonly edges: readonly TopologyLine[];
  /** Peers outside that can be opened themselves. */
  readonly members: readonly string[];
  /** What had the focus. */
  readonly back: Element | null;
}

interface Props {
  choice: Choice;
  scene: Scene;
  at: Point;
  close: () => void;
  onSelect: (selected: Selected) => void;
}

export function Chooser({ choice, scene, at, close, onSelect }: Props) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    box.current?.querySelector("button")?.focus();
  }, [choice]);
  const leave = (): void => {
    close();
    if (choice.back instanceof SVGElement) choice.back.focus();
  };
  const pick = (selected: Selected): void => {
    leave();
    onSelect(selected);
  };
  const name = (id: string): string => scene.nodes.get(id)?.name ?? id;
  return (
    <div
      class="over chooser"
      role="dialog"
      aria-label={choice.title}
      ref={box}
      style={{ left: `${Math.max(8, at.x - 150)}px`, top: `${Math.max(8, at.y + 12)}px` }}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.preventDefault();
        event.stopPropagation();
        leave();
      }}
      onFocusOut={(event) => {
        if (event.relatedTarget instanceof Node && !box.current?.contains(event.relatedTarget)) close();
      }}
    >
      <header>
        <b>{choice.title}</b>
        <span class="quiet">{many(choice.edges.length, "line")}</span>
        <button type="button" class="bare" aria-label="Close" onClick={leave}>
          ×
        </button>
      </header>
      <ul>
        {choice.edges.map((edge) => (
          <LineItem key={edge.id} edge={edge} name={name} pick={pick} />
        ))}
      </ul>
      {choice.members.length > 0 ? <Peers ids={choice.members} name={name} pick={pick} /> : null}
    </div>
  );
}

function Peers(props: { ids: readonly string[]; name: (id: string) => string; pick: (selected: Selected) => void }) {
  return (
    <ul aria-label="Peers">
      {props.ids.map((id) => (
        <li key={id}>
          <button
            type="button"
            class="bare"
            aria-label={`${props.name(id)}, outside`}
            onClick={() => {
              props.pick({ kind: "process", id });
            }}
          >
            {props.name(id)}
          </button>
        </li>
      ))}
    </ul>
  );
}

interface ItemProps {
  edge: TopologyLine;
  name: (id: string) => string;
  pick: (selected: Selected) => void;
}

function LineItem({ edge, name, pick }: ItemProps) {
  const who = `${name(edge.client)} to ${name(edge.server)}`;
  return (
    <li>
      <button
        type="button"
        class="bare"
        aria-label={`${who}, ${edge.label}, ${edge.address}`}
        onClick={() => {
          pick({ kind: "line", id: edge.id });
        }}
      >
        <Sign state={edge.state} quiet />
        <span>{who}</span>
        <span class="quiet">
          {edge.label} {edge.address}
        </span>
        <span class="num">{edge.brief || rate(edge.rate)}</span>
      </button>
    </li>
  );
}
