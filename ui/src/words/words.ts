/* Names and units of metrics, the same in every view. */
import type { SideName } from "../generated/questions";

/** The blocks of a line, in the order of the catalogue. `connect` and `accept` share a row. */
export const METRICS = ["write", "read", "write_rtt", "connect", "close", "retransmit", "drop", "reset"] as const;
export type MetricName = (typeof METRICS)[number];

const NAMES: Record<string, string> = { write_rtt: "write RTT" };

/** How a metric is called on screen. */
export function metricName(metric: string): string {
  return NAMES[metric] ?? metric.replaceAll("_", " ");
}

/** Which metric stands at a side in the row of `metric`. */
export function metricAt(metric: MetricName, side: SideName): string {
  return metric === "connect" && side === "SERVER" ? "accept" : metric;
}

/** "client side write": how a block is called by who listens and by tests. */
export function blockName(side: SideName, metric: string): string {
  return `${side === "CLIENT" ? "client" : "server"} side ${metricName(metric)}`;
}

export const LAYERS: Record<string, string> = {
  MESH_DP: "Data Plane",
  MESH: "Services",
  K8S_SERVICE: "Service",
  OS_LINUX: "Hosts",
};
