/** The topology alone, with an answer as large as the address asks for, and a new one every second. */

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";

import "../../ui/src/tokens.css";
import "../../ui/src/frame/frame.css";
import "./bench.css";
import { listen } from "../../ui/src/frame/keys";
import { topologyFiles } from "../../ui/src/topology/export/files";
import { LineTable } from "../../ui/src/topology/table/LineTable";
import { Topology } from "../../ui/src/topology/view/Topology";
import type { Selected } from "../../ui/src/topology/view/Canvas";
import { answer, later } from "../../ui/test/answers";

const query = new URLSearchParams(location.search);
const number = (name: string, otherwise: number): number => Number(query.get(name) ?? otherwise);
const first = answer({
  inside: number("inside", 100),
  groups: number("groups", 60),
  members: number("members", 5),
  lines: number("lines", 1000),
});
document.documentElement.dataset.theme = query.get("theme") ?? "dark";

function Bench() {
  const [data, setData] = useState(first);
  const [selected, onSelect] = useState<Selected | null>(null);
  const [show, onShow] = useState<"all" | "problems">("all");
  const [width, onWidth] = useState<"rate" | "bytes">("rate");
  const [z, setZ] = useState<string | null>(null);
  useEffect(() => {
    let second = 0;
    if (query.get("live") === null) return;
    const timer = setInterval(() => setData(later(first, (second += 1))), 1000);
    return () => clearInterval(timer);
  }, []);
  const [sort, onSort] = useState<string | null>(null);
  useEffect(() => {
    Object.assign(window, { files: () => topologyFiles(data), chosen: selected });
  }, [data, selected]);
  if (query.get("view") === "table")
    return <LineTable data={data} selected={selected} onSelect={onSelect} sort={sort} onSort={onSort} />;
  const travel = { last: null, toLast: null, toLive: null, listening: [] };
  return (
    <Topology
      data={data}
      trouble={null}
      at={Date.now()}
      retry={() => undefined}
      travel={travel}
      selected={selected}
      onSelect={onSelect}
      show={show}
      onShow={onShow}
      width={width}
      onWidth={onWidth}
      z={z}
      onMoved={(to, released) => (released ? setZ(to) : undefined)}
    />
  );
}

listen();
const root = document.getElementById("page");
if (root) render(<Bench />, root);
