/** The table twin of the picture: every line a row, with the figures of its panel. */

import { useRef } from "preact/hooks";

import type { TopologyLine, WholeTopology } from "../../generated/questions";
import { Sign } from "../../words/Sign";
import { bad } from "../../words/state";
import type { Selected } from "../view/Canvas";
import { COLUMNS, sorted, type Column, type Names } from "./columns";
import "./table.css";

export interface LineTableProps {
  data: WholeTopology;
  selected: Selected | null;
  onSelect: (selected: Selected | null) => void;
  /** `-retransmit`: the largest first; null: the worst first. */
  sort: string | null;
  onSort: (sort: string | null) => void;
  problems?: boolean;
}

export function LineTable({ data, selected, onSelect, sort, onSort, problems = false }: LineTableProps) {
  const names = new Map(data.nodes.map((node) => [node.id, node.name]));
  const namesOf = (edge: TopologyLine): Names => ({
    client: names.get(edge.client) ?? edge.client,
    server: names.get(edge.server) ?? edge.server,
  });
  const edges = useOrder(data, sort, namesOf).filter(
    (edge) => !problems || bad(edge.state),
  );
  return (
    <div class="lines-table">
      <table aria-label={`Lines of ${data.instance.name}`}>
        <thead>
          <tr>
            {COLUMNS.map((column) => (
              <Header key={column.id} column={column} sort={sort} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          {edges.map((edge) => (
            <Row
              key={edge.id}
              edge={edge}
              names={namesOf(edge)}
              chosen={selected?.kind === "line" && selected.id === edge.id}
              onSelect={onSelect}
            />
          ))}
        </tbody>
      </table>
      {edges.length === 0 ? (
        <p class="quiet">{problems ? "Nothing needs a look." : "No line in this window."}</p>
      ) : null}
    </div>
  );
}

/** Sorted when the reader asks; after that a row keeps its place, and new ones come last. */
function useOrder(data: WholeTopology, sort: string | null, namesOf: (edge: TopologyLine) => Names): TopologyLine[] {
  const kept = useRef<{ what: string; ids: string[] }>({ what: "", ids: [] });
  const what = `${data.instance.id} ${sort ?? ""}`;
  const byId = new Map(data.edges.map((edge) => [edge.id, edge]));
  if (kept.current.what !== what) kept.current = { what, ids: [] };
  const known = new Set(kept.current.ids);
  const fresh = sorted(
    data.edges.filter((edge) => !known.has(edge.id)),
    sort,
    namesOf,
  );
  kept.current.ids = [...kept.current.ids, ...fresh.map((edge) => edge.id)];
  return kept.current.ids.flatMap((id) => byId.get(id) ?? []);
}

function Header({
  column,
  sort,
  onSort,
}: {
  column: Column;
  sort: string | null;
  onSort: (sort: string | null) => void;
}) {
  const up = sort === column.id;
  const down = sort === `-${column.id}`;
  const first = column.numeric ? `-${column.id}` : column.id;
  const other = column.numeric ? column.id : `-${column.id}`;
  return (
    <th
      scope="col"
      class={`${column.numeric ? "num" : ""} ${column.low ? "low" : ""}`}
      aria-sort={up ? "ascending" : down ? "descending" : "none"}
    >
      <button type="button" class="text" onClick={() => onSort(sort === first ? other : first)}>
        {column.title}
        <span aria-hidden="true">{up ? " ↑" : down ? " ↓" : ""}</span>
      </button>
    </th>
  );
}

interface RowProps {
  edge: TopologyLine;
  names: Names;
  chosen: boolean;
  onSelect: (selected: Selected) => void;
}

function Row({ edge, names, chosen, onSelect }: RowProps) {
  const open = (): void => {
    onSelect({ kind: "line", id: edge.id });
  };
  return (
    <tr data-row aria-selected={chosen} onClick={open}>
      {COLUMNS.map((column) => {
        const text = column.text(edge, names);
        const why = text === "–" ? (column.why?.(edge) ?? undefined) : undefined;
        const form = `${column.numeric ? "num" : ""} ${column.low ? "low" : ""}`;
        if (column.id === "state")
          return (
            <td
              key={column.id}
              class={edge.state === "FAILING" ? "fail-text" : edge.state === "SLOW" ? "slow-text" : "quiet"}
            >
              <Sign state={edge.state} quiet /> <span class="word">{text}</span>
            </td>
          );
        if (column.id === "client")
          return (
            <th key={column.id} scope="row">
              <button
                type="button"
                class="text"
                aria-label={`${names.client} to ${names.server}, ${edge.label}`}
                aria-pressed={chosen}
                onClick={open}
              >
                {text}
              </button>
            </th>
          );
        return (
          <td key={column.id} class={form} title={why}>
            {text}
          </td>
        );
      })}
    </tr>
  );
}
