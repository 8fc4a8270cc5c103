/* A process: what it is, its lines, its listeners, its connections by state, and whether its TLS is read. */
import type { Listening, ProcessDetail, TopologyLine, WholeTopology } from "../generated/questions";
import { href, path, query } from "../frame/address";
import { Icon } from "../frame/Icon";
import { Behind, type Seen } from "../line/Behind";
import { nodeName } from "../line/LinePanel";
import { Sign } from "../words/Sign";
import { problem } from "../words/state";
import { NONE, bytesRate, clock, count, many, rate, share, time, zoned } from "../words/numbers";
import "./process.css";

function Facts({ process }: { process: ProcessDetail }) {
  const rows: [string, string | null, string?][] = [
    ["pids", process.pids.length > 0 ? process.pids.join(", ") : null],
    ["command", process.commandLine],
    ["executable", process.executable],
    ["container", process.container],
    ["cgroup", process.cgroup],
    ["host", process.host],
    ["started", process.started === null ? null : clock(process.started), process.started ?? ""],
    ["first seen", clock(process.firstSeen), process.firstSeen],
    ["labels", process.labels.length > 0 ? process.labels.map((it) => `${it.name}=${it.value}`).join(", ") : null],
    ...process.attributes.map((it): [string, string] => [it.name.replaceAll("_", " "), it.value]),
    ["TLS visibility", process.tlsVisibility],
  ];
  return (
    <dl class="about">
      {rows.map(([name, text, moment]) =>
        text === null ? null : (
          <div key={name}>
            <dt>{name}</dt>
            <dd title={moment === undefined || moment === "" ? undefined : zoned(moment)}>{text}</dd>
          </div>
        ),
      )}
    </dl>
  );
}

export function Lines({ topology, lines }: { topology: WholeTopology; lines: TopologyLine[] }) {
  return (
    <table>
      <caption class="unseen">Lines of this process</caption>
      <thead>
        <tr>
          <th scope="col">line</th>
          <th scope="col" class="num">
            rate
          </th>
          <th scope="col" class="num">
            bytes
          </th>
          <th scope="col" class="num">
            RTT p99
          </th>
          <th scope="col" class="num">
            retransmit
          </th>
        </tr>
      </thead>
      <tbody>
        {lines.map((line) => (
          <tr key={line.id}>
            <td>
              <Sign state={line.state} />{" "}
              <a
                class="name"
                data-row
                data-problem={problem(line.state)}
                href={href(["i", topology.instance.id, "topology"], { w: query.value.w, line: line.id })}
              >
                {nodeName(topology, line.client)} to {nodeName(topology, line.server)}
              </a>{" "}
              <span class="quiet">{line.label}</span>
            </td>
            <td class="num">{rate(line.rate)}</td>
            <td class="num">{bytesRate(line.bytesRate)}</td>
            <td class="num">{time(line.p99Ns)}</td>
            <td class="num">{share(line.retransmitShare)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Listeners({ listeners }: { listeners: Listening[] }) {
  if (listeners.length === 0) return <p class="second">It listens on nothing over TCP.</p>;
  return (
    <table>
      <caption class="unseen">Listeners</caption>
      <thead>
        <tr>
          <th scope="col">address</th>
          <th scope="col" class="num">
            accept queue
          </th>
          <th scope="col" class="num">
            turned away
          </th>
          <th scope="col" class="num">
            SYN-ACK again
          </th>
        </tr>
      </thead>
      <tbody>
        {listeners.map((it) => (
          <tr key={it.address} class={it.overflows > 0 ? "slow-text" : undefined}>
            <td class="mono">{it.address}</td>
            <td class="num">
              {count(it.queue)} of {it.limit > 0 ? count(it.limit) : NONE}
            </td>
            <td class="num">{count(it.overflows)}</td>
            <td class="num">{count(it.synacksRetransmitted)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Connections({ lines }: { lines: TopologyLine[] }) {
  const sum = (of: (line: TopologyLine) => number): number => lines.reduce((all, line) => all + of(line), 0);
  const failed = sum((line) => line.connections.failed.reduce((all, it) => all + it.count, 0));
  return (
    <p class="second">
      {count(sum((line) => line.connections.active))} open, {count(sum((line) => line.connections.opened))} opened,{" "}
      {count(sum((line) => line.connections.closed))} closed, {many(failed, "connect")} failed in this window.
    </p>
  );
}

interface Props {
  topology: WholeTopology;
  process: ProcessDetail;
  held: Seen;
  close: () => void;
}

export function ProcessPanel({ topology, process, held, close }: Props) {
  const nodes = topology.nodes.filter((node) => node.process?.id === process.id).map((node) => node.id);
  const lines = topology.edges.filter((line) => nodes.includes(line.client) || nodes.includes(line.server));
  const listening = process.listeners.map((it) => it.address).join(", ");
  return (
    <aside class="side process" aria-label={`process ${process.name}`}>
      <header class="panel-head">
        <div class="row">
          <h2>{process.name}</h2>
          <span class="chip">process</span>
          <button type="button" class="bare close" aria-label="Close" onClick={close}>
            <Icon name="close" />
          </button>
        </div>
        {path.value[2] === "processes" ? null : (
          <a href={href(["i", topology.instance.id, "processes", process.id], { w: query.value.w })}>Address of this process</a>
        )}
      </header>
      <Facts process={process} />
      <h3>Lines</h3>
      {lines.length > 0 ? (
        <Lines topology={topology} lines={lines} />
      ) : (
        <p class="second">Talks to nobody{listening === "" ? "" : `, listens on ${listening}`}.</p>
      )}
      <h3>Listeners</h3>
      <Listeners listeners={process.listeners} />
      <section class="held" aria-label="Connections by state">
        <h3>Connections by state</h3>
        <Connections lines={lines} />
        <Behind seen={held} />
      </section>
    </aside>
  );
}
