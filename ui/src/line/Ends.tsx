/* Both ends of a line: who, where, how much was seen of it, and by which probe. */
import type { LineDetail, LineEnd, SideName, TopologyLine, WholeTopology } from "../generated/questions";
import { href } from "../frame/address";
import { type AgentSeen, health } from "../frame/health";
import { mayChange } from "../frame/session";
import { many, share, shorten } from "../words/numbers";

/** The agent that measures at a side; undefined when nobody does. */
export function agentOf(topology: WholeTopology, end: LineEnd): AgentSeen | undefined {
  const node = topology.nodes.find((it) => it.process !== null && it.process.id === end.id);
  const host = node?.process?.host ?? (node?.inside ? topology.instance.host : undefined);
  const agents = health.value?.agents ?? [];
  return agents.find((agent) => agent.host === host) ?? (agents.length === 1 ? agents[0] : undefined);
}

function rungs(agent: AgentSeen | undefined): string {
  const all = [...new Set((agent?.probes ?? []).flatMap((probe) => probe.rung ?? []))].sort();
  return all.length > 0 ? ` · probes ${all.join(", ")}` : "";
}

function who(end: LineEnd): string {
  return end.process ?? end.service ?? end.address;
}

function NotSeen({ end, side, topology }: { end: LineEnd; side: SideName; topology: WholeTopology }) {
  const name = who(end);
  const word = side === "CLIENT" ? "Client" : "Server";
  const node = topology.nodes.find((it) => it.process?.id === end.id || it.address === end.address);
  const instance = node?.instance ?? null;
  if (instance === null) {
    return (
      <p class="quiet">
        {word} side not seen: {name} is outside of what is watched.
      </p>
    );
  }
  return (
    <p class="quiet">
      {word} side not seen: {name} is not being profiled.{" "}
      {mayChange.value ? <a href={href(["i", instance, "profiling", "new"])}>Profile it</a> : null}
    </p>
  );
}

interface Props {
  edge: LineDetail;
  line: TopologyLine | undefined;
  topology: WholeTopology;
}

function End({ side, edge, line, topology }: Props & { side: SideName }) {
  const end = side === "CLIENT" ? edge.client : edge.server;
  const seen = (side === "CLIENT" ? edge.clientSide : edge.serverSide) !== null;
  const [first, ...more] = end.pids;
  return (
    <div class="end">
      <span class="quiet">{side === "CLIENT" ? "Client side" : "Server side"}</span>
      <b title={who(end)}>
        {shorten(who(end), 34)}{" "}
        {first === undefined ? null : (
          <span class="mono second">
            pid {first}
            {more.length > 0 ? ` +${more.length}` : ""}
          </span>
        )}
      </b>
      <span class="second mono">{end.address}</span>
      {end.listen !== null && end.listen !== end.address ? <span class="quiet">accepted at {end.listen}</span> : null}
      {end.instance !== null ? <span class="second">{end.instance}</span> : null}
      {seen ? (
        <span class="quiet">
          seen {share(line?.seenShare ?? null)}
          {rungs(agentOf(topology, end))}
        </span>
      ) : (
        <NotSeen end={end} side={side} topology={topology} />
      )}
    </div>
  );
}

export function Ends(props: Props) {
  const { edge, line } = props;
  return (
    <div class="grid head">
      <div class="quiet">
        {many(edge.connections.active, "connection")}
        <br />
        open
        {line && line.overflow > 0 ? <p>in the overflow slot: {line.overflow}; totals exact, lines joined</p> : null}
      </div>
      <End side="CLIENT" {...props} />
      <End side="SERVER" {...props} />
    </div>
  );
}
