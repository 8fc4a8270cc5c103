/* A line in full: what it is, what is wrong with it, each metric at both sides, and the connections behind it. */
import type { LineDetail, LineSeries, TopologyLine, WholeTopology } from "../generated/questions";
import { query, set } from "../frame/address";
import { Icon } from "../frame/Icon";
import { Behind, type Seen } from "./Behind";
import { Brief } from "./Brief";
import { Sign, WORDS } from "../words/Sign";
import { METRICS } from "../words/words";
import { clock, count, zoned } from "../words/numbers";
import { Ends } from "./Ends";
import { TRUTHS, type Tone, blamed, worst } from "./figures";
import { Metric, metricOf } from "./Metric";
import { Spark } from "./Spark";
import "./line.css";

const TONES: Record<string, Tone> = { FAILING: "fail", SLOW: "slow" };

export function nodeName(topology: WholeTopology, id: string): string {
  const node = topology.nodes.find((it) => it.id === id);
  return node?.name ?? id;
}

/** "envoy to reviews-v2". */
export function lineName(topology: WholeTopology, line: TopologyLine): string {
  return `${nodeName(topology, line.client)} to ${nodeName(topology, line.server)}`;
}

function Head({ topology, line, close }: { topology: WholeTopology; line: TopologyLine; close: () => void }) {
  return (
    <header class="panel-head">
      <div class="row">
        <Sign state={line.state} quiet />
        <h2>{lineName(topology, line)}</h2>
        <span class="chip">{line.label}</span>
        <span class={`chip ${TONES[line.state] ?? ""}`}>{WORDS[line.state]}</span>
        <button type="button" class="bare close" aria-label="Close" onClick={close}>
          <Icon name="close" />
        </button>
      </div>
      <p class="second">
        {line.reasons.length > 0 ? (
          <b class="cause">
            {line.reasons.join("; ")}
            {line.since ? <span title={zoned(line.since)}>, since {clock(line.since)}</span> : null}.
          </b>
        ) : (
          `Nothing is wrong with this line in this window.`
        )}{" "}
        {line.securitySource !== "" && line.security !== "none" ? (
          <span class="quiet">
            {line.security} by the {line.securitySource}
          </span>
        ) : null}
      </p>
    </header>
  );
}

function Truths({ edge, bad, tone }: { edge: LineDetail; bad: Set<string>; tone: Tone }) {
  return (
    <>
      {TRUTHS.map((truth) => (
        <div key={truth.key} class={`grid truth ${bad.has(truth.key) ? tone : ""}`}>
          <span class="second">{truth.name}</span>
          <span>{edge.clientSide ? truth.of(edge, "CLIENT") : ""}</span>
          <span>{edge.serverSide ? truth.of(edge, "SERVER") : ""}</span>
        </div>
      ))}
    </>
  );
}

interface Counted {
  edge: LineDetail;
  line: TopologyLine;
  series: LineSeries | null;
  /** Left out where nobody can be asked. */
  behind: Seen | undefined;
}

function Connections({ edge, line, series, behind }: Counted) {
  const { active, opened, closed, failed } = edge.connections;
  const none = active + opened + closed + failed.length === 0;
  return (
    <section class="connections" aria-label="Connections behind this line">
      <h3>Connections behind this line</h3>
      {none ? (
        <p class="second">
          No connection of this line lived in this window
          {line.lastTraffic ? `; the last traffic was at ${clock(line.lastTraffic)}` : ""}.
        </p>
      ) : (
        <dl class="figures wide">
          {[
            ["open at the end", count(active), "active"],
            ["opened", count(opened), "opened"],
            ["closed", count(closed), "closed"],
            ...failed.map((it) => [it.reason.replaceAll("_", " "), count(it.count), it.reason]),
          ].map(([name, figure, key]) => (
            <div key={key}>
              <dt>{name}</dt>
              <dd>
                {figure} <Spark values={series?.connections.find((it) => it.name === key)?.values ?? []} tone="" />
              </dd>
            </div>
          ))}
        </dl>
      )}
      {edge.tls ? (
        <p class="second">
          TLS: {[...edge.tls.sni.map((name) => `SNI ${name}`), ...edge.tls.alpn.map((name) => `ALPN ${name}`)].join(", ")}
        </p>
      ) : null}
      {behind === undefined ? null : <Behind seen={behind} />}
    </section>
  );
}

interface Props {
  topology: WholeTopology;
  line: TopologyLine;
  edge: LineDetail | null;
  series: LineSeries | null;
  behind?: Seen;
  close: () => void;
}

export function LinePanel({ topology, line, edge, series, behind, close }: Props) {
  const bad = blamed(line.reasons);
  const tone = TONES[line.state] ?? "";
  const asked = query.value.metric;
  const open = asked === "none" ? null : (metricOf(asked) ?? worst(line.reasons));
  return (
    <aside class="side" aria-label={`${lineName(topology, line)}, ${line.label}`}>
      <Head topology={topology} line={line} close={close} />
      {edge === null ? (
        <Brief line={line} />
      ) : (
        <div class="metrics">
          <Ends edge={edge} line={line} topology={topology} />
          {METRICS.map((metric) => (
            <Metric
              key={metric}
              metric={metric}
              edge={edge}
              series={series}
              tone={bad.has(metric) ? tone : ""}
              open={open === metric}
              toggle={() => set({ metric: open === metric ? "none" : metric }, true)}
            />
          ))}
          <Truths edge={edge} bad={bad} tone={tone} />
          <Connections edge={edge} line={line} series={series} behind={behind} />
        </div>
      )}
    </aside>
  );
}
