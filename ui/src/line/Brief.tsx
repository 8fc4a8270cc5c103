/* A line's figures as the topology already has them: on screen at once, until all of it is here. */
import type { SideName, TopologyLine } from "../generated/questions";
import { METRICS, blockName, metricAt, metricName } from "../words/words";
import { NONE, bytes, count, rate, time } from "../words/numbers";

const SIDES: SideName[] = ["CLIENT", "SERVER"];

function Figures({ line, side, metric }: { line: TopologyLine; side: SideName; metric: string }) {
  const found = line.metrics.find((it) => it.side === side && it.metric === metric);
  if (!found) return <div />;
  return (
    <section class="block" aria-label={blockName(side, metric)}>
      <div class="figure">
        <p>
          <b>{found.count === null ? NONE : rate(found.rate)}</b>{" "}
          <span class="second">{found.bytes ? bytes(found.bytes) : ""}</span>
        </p>
        <p class="second">
          {found.whyNot ?? (found.averageNs === null ? count(found.count) : `avg ${time(found.averageNs)} · p99 ${time(found.p99Ns)}`)}
        </p>
      </div>
    </section>
  );
}

export function Brief({ line }: { line: TopologyLine }) {
  return (
    <div class="metrics">
      {METRICS.map((metric) => (
        <div key={metric} class="grid row-of">
          <b>{metricName(metric)}</b>
          {SIDES.map((side) => (
            <Figures key={side} line={line} side={side} metric={metricAt(metric, side)} />
          ))}
        </div>
      ))}
    </div>
  );
}
