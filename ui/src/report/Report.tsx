/* Picture, table and the panel of a line, from what the file carries. */
import { useEffect, useState } from "preact/hooks";
import { bind } from "../frame/keys";
import { LinePanel } from "../line/LinePanel";
import { LineTable } from "../topology/table/LineTable";
import type { WidthBy } from "../topology/scene";
import type { Selected } from "../topology/view/Canvas";
import { Topology } from "../topology/view/Topology";
import { clock, span, zoned } from "../words/numbers";
import type { ReportData } from "./data";

const NOWHERE = { last: null, toLast: null, toLive: null, listening: [] };

function Head({ data }: { data: ReportData }) {
  const { window, instance } = data.topology;
  return (
    <header class="report-head">
      <h1>{data.title}</h1>
      <span class="second" title={zoned(window.from)}>
        {clock(window.from)} to {clock(window.to)} · {span(window.seconds)} · {instance.host}
      </span>
      <span class="quiet" title={zoned(data.made)}>
        hopscope report of {clock(data.made)}; a file, it changes no more
      </span>
    </header>
  );
}

export function Report({ data }: { data: ReportData }) {
  const { topology } = data;
  const [selected, onSelect] = useState<Selected | null>(null);
  const [show, onShow] = useState<"all" | "problems">("all");
  const [width, onWidth] = useState<WidthBy>("rate");
  const [sort, onSort] = useState<string | null>(null);
  const [z, setZ] = useState<string | null>(null);
  const line = selected?.kind === "line" ? topology.edges.find((it) => it.id === selected.id) : undefined;
  const close = (): void => onSelect(null);
  useEffect(() => bind([{ keys: ["Escape"], does: "close", run: () => (close(), true) }]), []);
  return (
    <main class="report">
      <Head data={data} />
      <div class="work">
        <div class="report-picture">
          <Topology
            data={topology}
            trouble={null}
            at={Date.parse(data.made)}
            retry={close}
            selected={selected}
            onSelect={onSelect}
            show={show}
            onShow={onShow}
            width={width}
            onWidth={onWidth}
            z={z}
            onMoved={(to, off) => (off ? setZ(to) : undefined)}
            travel={NOWHERE}
          />
        </div>
        {line ? (
          <LinePanel
            topology={topology}
            line={line}
            edge={data.edges.find((it) => it.id === line.id) ?? null}
            series={null}
            close={close}
          />
        ) : null}
      </div>
      <LineTable
        data={topology}
        selected={selected}
        onSelect={onSelect}
        sort={sort}
        onSort={onSort}
        problems={show === "problems"}
      />
    </main>
  );
}
