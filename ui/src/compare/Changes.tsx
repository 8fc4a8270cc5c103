/* "What changed": a row for each figure of a line that changed by more than it varies, surest first. */
import type { Changed, CompareViewAnswer } from "../generated/questions";
import { set, query } from "../frame/address";
import { answered } from "../frame/window";
import { spoken } from "../axis/ticks";
import { Sign } from "../words/Sign";
import { count, many, share, span } from "../words/numbers";
import { difference, figureName, summary, writer } from "./words";

type Comparison = CompareViewAnswer["compare"];

function seen(parts: Comparison["completenessA"]): number {
  if (parts.length === 0) return 0;
  return Math.min(1, ...parts.map((it) => it.secondsRecorded / Math.max(1, it.secondsAsked)));
}

function Half({ name, window, parts }: { name: string; window: Comparison["a"]; parts: Comparison["completenessA"] }) {
  return (
    <div>
      <span class="quiet">{name}</span>
      <br />
      <b>{spoken(answered(window))}</b>
      <br />
      <span class="second">
        {span(window.seconds)} · seen {share(seen(parts))}
      </span>
    </div>
  );
}

const tone = (row: Changed): string | undefined => (row.direction === "WORSE" ? "fail-text" : row.direction === "BETTER" ? "better-text" : undefined);

function Row({ row }: { row: Changed }) {
  const write = writer(row.metric);
  const on = query.value.line === row.edge;
  return (
    <tr class={on ? "open" : undefined} title={row.sentence}>
      <td>
        <Sign state={row.direction === "AMOUNT" ? "HEALTHY" : row.direction} />{" "}
        <button type="button" class="text name" data-row data-problem={row.direction === "WORSE" ? true : undefined} aria-pressed={on} onClick={() => set({ line: on ? null : row.edge }, true)}>
          {row.clientName} to {row.serverName}
        </button>
      </td>
      <td class="second">{row.kind === "CHANGED" ? figureName(row.metric) : row.label}</td>
      <td class="num low">{write(row.a)}</td>
      <td class="num">
        <b>{write(row.b)}</b>
      </td>
      <td class={`num ${tone(row) ?? ""}`}>{difference(row)}</td>
    </tr>
  );
}

export function Changes({ compared }: { compared: Comparison }) {
  const rows = compared.lines;
  const partial = seen(compared.completenessB);
  return (
    <aside class="side changes" aria-label="What changed">
      <header class="panel-head">
        <div class="row between">
          <h2>What changed</h2>
          <span class="quiet">surest first</span>
        </div>
        <b>{summary(rows)}</b>
        {seen(compared.completenessA) === 0 ? <p class="second">A lies where no second is stored.</p> : null}
        {partial < 0.995 ? <p class="second">B was seen to {share(partial)}: rates are corrected, counts are not.</p> : null}
      </header>
      <div class="halves">
        <Half name="A, before" window={compared.a} parts={compared.completenessA} />
        <Half name="B, after" window={compared.b} parts={compared.completenessB} />
      </div>
      {rows.length === 0 ? (
        <p class="says">
          Nothing changed by more than it varies within A ({count(compared.figures)} metrics of {many(compared.compared, "line")}).
        </p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">line</th>
              <th scope="col">metric</th>
              <th scope="col" class="num low">
                A
              </th>
              <th scope="col" class="num">
                B
              </th>
              <th scope="col" class="num">
                change
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <Row key={`${row.edge} ${row.metric} ${row.kind}`} row={row} />
            ))}
          </tbody>
        </table>
      )}
      <p class="says quiet">
        {count(Math.max(0, compared.figures - rows.length))} of {count(compared.figures)} metrics did not change. Counts are compared as rates,
        times as distributions; listed is what changed by more than it varies within the windows, and by more than a tenth.
      </p>
    </aside>
  );
}
