/* One metric of a line, client side left, server side right: figures as text; opened, how they went over time. */
import type { LineDetail, LineSeries, SideName } from "../generated/questions";
import { METRICS, type MetricName, blockName, metricAt, metricName } from "../words/words";
import { rate, share, time } from "../words/numbers";
import { sentence } from "./catalogue";
import { Curve } from "./Curve";
import { type Measured, type Tone, amount, cell, course, details, measured, overTime } from "./figures";
import { Heatmap } from "./Heatmap";
import { Spark } from "./Spark";

const SIDES: SideName[] = ["CLIENT", "SERVER"];
const HUES = ["--h2", "--h3", "--h4", "--h4", "--h5"];

const most = (values: (number | null)[][]): number => Math.max(0, ...values.flat().map((value) => value ?? 0));
const last = (values: readonly (number | null)[]): number | null => values.findLast((value) => value !== null) ?? null;

function range(values: readonly (number | null)[], write: (value: number | null) => string): string {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return "nothing recorded";
  return `${write(Math.min(...known))} to ${write(Math.max(...known))}, last ${write(last(values))}`;
}

interface Props {
  edge: LineDetail;
  series: LineSeries | null;
  metric: MetricName;
  tone: Tone;
  open: boolean;
}

function Opened(props: Props & { value: Measured; side: SideName }) {
  const { series, value } = props;
  return (
    <div class="opened">
      <dl class="figures">
        {details(value).map(([name, figure]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{figure}</dd>
          </div>
        ))}
      </dl>
      {series ? <Courses {...props} series={series} /> : null}
    </div>
  );
}

function Courses({ series, side, metric, tone }: Props & { series: LineSeries; side: SideName }) {
  const own = overTime(series, side, metric);
  if (own === null) return null;
  const at = series.at.map((moment) => Date.parse(moment) / 1000);
  const both = SIDES.flatMap((it) => overTime(series, it, metric) ?? []);
  const timed = own.percentiles.filter((it) => it.ns.some((ns) => ns !== null));
  const p99 = own.percentiles.find((it) => it.share === 0.99)?.ns ?? [];
  return (
    <>
      <Curve
        at={at}
        curves={[{ name: "rate", values: own.rate, colour: "--line", filled: true }]}
        top={most(both.map((it) => it.rate))}
        write={rate}
        caption={`rate ${range(own.rate, rate)}`}
      />
      {timed.length > 0 ? (
        <>
          <Curve
            at={at}
            curves={timed.map((it, index) => ({
              name: `p${Math.round(it.share * 100)}`,
              values: it.ns,
              colour: it.share === 0.99 && tone !== "" ? `--${tone}` : (HUES[index] ?? "--h5"),
            }))}
            top={most(both.flatMap((it) => it.percentiles.map((percentile) => percentile.ns)))}
            write={time}
            caption={`p50 ${range(timed[0]?.ns ?? [], time)}; p99 ${range(p99, time)}; between them p75, p90, p95`}
          />
          <Heatmap at={series.at} cells={own.heatmap} p99={p99} bad={tone !== ""} name={blockName(side, own.metric)} />
        </>
      ) : null}
    </>
  );
}

function Block(props: Props & { side: SideName }) {
  const { edge, side, metric, series, tone, open } = props;
  const said = cell(edge, side, metric);
  const value = measured(edge, side, metric);
  if (said === null || value === null) return <div class="block" />;
  return (
    <section class="block" aria-label={blockName(side, metricAt(metric, side))}>
      <div class="figure">
        <p>
          <b class={tone === "" ? undefined : `${tone}-text`}>{said.main}</b> <span class="second">{said.beside}</span>
        </p>
        <p class="second">{said.why ?? said.below}</p>
        {said.why === null && !open ? <p class="unseen">{amount(value)}</p> : null}
      </div>
      <Spark values={course(overTime(series, side, metric), metric)} tone={tone} />
      {open ? <Opened {...props} value={value} /> : null}
    </section>
  );
}

function Definition({ edge, metric }: { edge: LineDetail; metric: MetricName }) {
  const names = metric === "connect" ? ["connect", "accept"] : [metric];
  const timed = measured(edge, "CLIENT", metric) ?? measured(edge, "SERVER", metric);
  return (
    <div class="definition quiet">
      {names.map((name) => (
        <p key={name}>
          <b>{metricName(name)}</b>: {sentence(name)}
        </p>
      ))}
      {timed?.timed !== null && timed?.timed !== undefined && timed.count ? (
        <p>Timed: {share(timed.timed / timed.count)} of the calls; counts and bytes are exact.</p>
      ) : null}
    </div>
  );
}

export function Metric(props: Props & { toggle: () => void }) {
  const { metric, tone, open } = props;
  return (
    <div class={`grid row-of ${tone}`}>
      <button
        type="button"
        class="text name"
        data-row
        data-problem={tone === "" ? undefined : true}
        aria-expanded={open}
        onClick={props.toggle}
      >
        {metricName(metric)}
        {metric === "connect" ? <span class="quiet">accept</span> : null}
      </button>
      <Block {...props} side="CLIENT" />
      <Block {...props} side="SERVER" />
      {open ? <Definition edge={props.edge} metric={metric} /> : null}
    </div>
  );
}

/** From the address; null: not one of ours. */
export function metricOf(text: string | undefined): MetricName | null {
  return METRICS.find((metric) => metric === text) ?? null;
}
