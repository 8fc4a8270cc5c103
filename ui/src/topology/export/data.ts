/** The lines as data: JSON as the server answered, CSV with numbers as they are, so that a sheet can add them up. */

import type { TopologyLine, WholeTopology } from "../../generated/questions";

const SIDES = ["CLIENT", "SERVER"] as const;

type Cell = string | number | null;

const PLAIN: readonly (readonly [string, (edge: TopologyLine) => Cell])[] = [
  ["edge", (edge) => edge.id],
  ["client_id", (edge) => edge.client],
  ["server_id", (edge) => edge.server],
  ["dialed", (edge) => edge.address],
  ["port", (edge) => edge.port],
  ["transport", (edge) => edge.transport],
  ["protocol", (edge) => edge.protocol],
  ["security", (edge) => edge.security],
  ["label", (edge) => edge.label],
  ["state", (edge) => edge.state.toLowerCase()],
  ["reasons", (edge) => edge.reasons.join("; ")],
  ["rate_per_second", (edge) => edge.rate],
  ["bytes_per_second", (edge) => edge.bytesRate],
  ["write_rtt_p99_ns", (edge) => edge.p99Ns],
  ["retransmit_share", (edge) => edge.retransmitShare],
  ["opened", (edge) => edge.connections.opened],
  ["closed", (edge) => edge.connections.closed],
  ["active", (edge) => edge.connections.active],
  ["failed", (edge) => edge.connections.failed.reduce((sum, one) => sum + one.count, 0)],
  ["seen_share", (edge) => edge.seenShare],
];

export function json(topology: WholeTopology): string {
  return `${JSON.stringify(topology, null, 2)}\n`;
}

/** A row for each line; a column for each figure of each side. RFC 4180. */
export function csv(topology: WholeTopology): string {
  const names = new Map(topology.nodes.map((node) => [node.id, node.name]));
  const measured = [...new Set(topology.edges.flatMap((edge) => edge.metrics.map((one) => one.metric)))].sort();
  const figures = SIDES.flatMap((side) =>
    measured.flatMap((metric) =>
      (["count", "bytes", "averageNs", "p99Ns"] as const).map((part) => ({ side, metric, part })),
    ),
  );
  const head = ["client", "server", ...PLAIN.map(([name]) => name), ...figures.map(headOf)];
  const rows = topology.edges.map((edge) => [
    names.get(edge.client) ?? edge.client,
    names.get(edge.server) ?? edge.server,
    ...PLAIN.map(([, of]) => of(edge)),
    ...figures.map(
      ({ side, metric, part }) =>
        edge.metrics.find((one) => one.side === side && one.metric === metric)?.[part] ?? null,
    ),
  ]);
  return [head, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

function headOf({ side, metric, part }: { side: string; metric: string; part: string }): string {
  return `${side.toLowerCase()}_${metric}_${part.replace("Ns", "_ns")}`;
}

/** Quoted where it must be; a name cannot begin a formula in a sheet. */
function cell(value: Cell): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
