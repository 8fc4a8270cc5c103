/* The bar at the bottom: who reports, how well, and what the server says of itself. */
import { useEffect, useState } from "preact/hooks";
import { bytes, count, many, span } from "../words/numbers";
import { type AgentSeen, SILENT_SECONDS, health, silence } from "./health";

/** So many batches may be on their way at any moment. */
const WAITING = 10;

function useEverySecond(): void {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((before) => before + 1), 1000);
    return () => clearInterval(timer);
  }, []);
}

function probes(agents: AgentSeen[]): string {
  const all = agents.flatMap((agent) => agent.probes);
  const rungs = [...new Set(all.flatMap((probe) => (probe.rung === null ? [] : [probe.rung])))].sort();
  if (all.length === 0) return "";
  return `probes ${rungs.join(", ")}, ${all.filter((probe) => probe.rung !== null).length} of ${all.length} metrics`;
}

export function HealthBar() {
  useEverySecond();
  const seen = health.value;
  const agents = seen?.agents ?? [];
  const silent = agents.filter((agent) => silence(agent) > SILENT_SECONDS);
  const latest = Math.min(...agents.map(silence));
  return (
    <footer aria-label="Health of the measurement" class="health">
      <span class="live">
        <i class={silent.length < agents.length ? "dot" : "dot off"} />
        {seen === null
          ? "asking the server"
          : agents.length === 0
            ? "no agent"
            : `${many(agents.length - silent.length, "agent")} of ${agents.length} · ${span(latest)} ago`}
      </span>
      {silent.slice(0, 3).map((agent) => (
        <span key={agent.host} class="warn">
          agent on {agent.host} silent for {span(silence(agent))}
        </span>
      ))}
      {probes(agents) !== "" ? <span>{probes(agents)}</span> : null}
      {seen && seen.server.spooled > WAITING ? (
        <span>
          {count(seen.server.spooled)} batches wait, {bytes(seen.server.spooledBytes)}
        </span>
      ) : null}
      {seen && seen.server.setAside > 0 ? (
        <span class="warn">{many(seen.server.setAside, "damaged file")} set aside</span>
      ) : null}
      {seen?.server.trouble ? <span class="warn">the store refuses: {seen.server.trouble}</span> : null}
      {seen ? <span>server {seen.server.version}</span> : null}
    </footer>
  );
}
