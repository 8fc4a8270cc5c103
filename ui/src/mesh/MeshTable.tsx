/* The table twin of the mesh: a row for each line, sorted when a header is pressed. */
import type { MeshLineRow, WholeMesh } from "../generated/questions";
import { href, query, set } from "../frame/address";
import { Sign } from "../words/Sign";
import { problem, rank } from "../words/state";
import { bytes, count, share, time } from "../words/numbers";
import { errorShare, p99, perSecond, rateInWords } from "./words";

type Key = (line: MeshLineRow) => number | string;

const form = (column: { num?: boolean; low?: boolean }): string => `${column.num ? "num" : ""} ${column.low ? "low" : ""}`;

export function MeshTable({ mesh }: { mesh: WholeMesh }) {
  const name = (id: string): string => mesh.services.find((service) => service.id === id)?.name ?? id;
  const { seconds } = mesh;
  const columns: { key: string; by: Key; num?: boolean; low?: boolean; show: (line: MeshLineRow) => string }[] = [
    { key: "protocol", low: true, by: (line) => line.label, show: (line) => line.label },
    { key: "rate", num: true, by: (line) => perSecond(line, seconds), show: (line) => rateInWords(line, seconds) },
    { key: "requests", num: true, low: true, by: (line) => line.requests, show: (line) => count(line.requests) },
    { key: "errors", num: true, by: (line) => errorShare(line) ?? -1, show: (line) => share(errorShare(line)) },
    { key: "retries", num: true, low: true, by: (line) => line.retries, show: (line) => count(line.retries) },
    { key: "p99", num: true, by: (line) => p99(line) ?? -1, show: (line) => time(p99(line)) },
    { key: "bytes", num: true, low: true, by: (line) => line.bytesIn + line.bytesOut, show: (line) => bytes(line.bytesIn + line.bytesOut) },
  ];
  const wanted = query.value.sort ?? "";
  const down = wanted.startsWith("-");
  const column = columns.find((it) => it.key === wanted.replace(/^-/, ""));
  const by: Key = column?.by ?? ((line) => rank(line.state));
  const lines = [...mesh.lines].sort((a, b) => {
    const [x, y] = [by(a), by(b)];
    const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
    return (down ? -order : order) || a.id.localeCompare(b.id);
  });
  return (
    <section class="panel" aria-label="Lines between services">
      <table>
        <thead>
          <tr>
            <th scope="col">line</th>
            {columns.map((it) => {
              const on = column?.key === it.key;
              return (
                <th key={it.key} scope="col" class={form(it)} aria-sort={on ? (down ? "descending" : "ascending") : "none"}>
                  <button type="button" class="text" onClick={() => set({ sort: on && down ? it.key : `-${it.key}` }, true)}>
                    {it.key}
                  </button>
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {lines.map((line) => (
            <tr key={line.id}>
              <td>
                <Sign state={line.state} />{" "}
                <a class="name" data-row data-problem={problem(line.state)} href={href(["mesh", "table"], { ...query.value, line: line.id })}>
                  {name(line.client)} to {name(line.server)}
                </a>
              </td>
              {columns.map((it) => (
                <td key={it.key} class={form(it)}>
                  {it.show(line)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
