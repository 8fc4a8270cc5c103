/* A peer outside: what is known of it, and its lines with this instance. */
import type { TopologyNode, WholeTopology } from "../generated/questions";
import { href } from "../frame/address";
import { Icon } from "../frame/Icon";
import { Lines } from "./ProcessPanel";
import "./process.css";

const KINDS: Record<TopologyNode["kind"], string> = {
  PROCESS: "process",
  POD: "pod",
  SERVICE: "service",
  ADDRESS: "address",
  REST: "all others",
};

export function PeerPanel(props: { topology: WholeTopology; node: TopologyNode; close: () => void }) {
  const { topology, node, close } = props;
  const lines = topology.edges.filter((line) => line.client === node.id || line.server === node.id);
  const group = topology.groups.find((it) => it.id === node.group);
  return (
    <aside class="side process" aria-label={`peer ${node.name}`}>
      <header class="panel-head">
        <div class="row">
          <h2>{node.name}</h2>
          <span class="chip">{KINDS[node.kind]}, outside</span>
          <button type="button" class="bare close" aria-label="Close" onClick={close}>
            <Icon name="close" />
          </button>
        </div>
        {node.instance !== null ? <a href={href(["i", node.instance, "topology"])}>Its own topology</a> : null}
      </header>
      <dl class="about">
        {[
          ["address", node.address],
          ["service", node.service],
          ["group", group?.name ?? null],
          ["pids", node.pids.length > 0 ? node.pids.join(", ") : null],
        ].map(([name, text]) =>
          text === null ? null : (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{text}</dd>
            </div>
          ),
        )}
      </dl>
      <h3>Lines</h3>
      <Lines topology={topology} lines={lines} />
    </aside>
  );
}
