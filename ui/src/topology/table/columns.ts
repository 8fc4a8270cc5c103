/** The columns of the table twin: the figures of a line in the order of its panel. Pure. */

import type { SideName, TopologyLine } from "../../generated/questions";
import { bytesRate, count, rate, share, time } from "../../words/numbers";

export interface Names {
  client: string;
  server: string;
}

export interface Column {
  readonly id: string;
  readonly title: string;
  /** Text for sorting by name, a number for sorting by size; null is not known and comes last. */
  readonly value: (edge: TopologyLine, names: Names) => string | number | null;
  readonly text: (edge: TopologyLine, names: Names) => string;
  /** Falls away on a narrow screen. */
  readonly low?: boolean;
  readonly numeric?: boolean;
  /** Why a figure is not known. */
  readonly why?: (edge: TopologyLine) => string | null;
}

const STATES = ["FAILING", "SLOW", "HEALTHY", "NONE"] as const;
const SIDES: readonly SideName[] = ["CLIENT", "SERVER"];

type Brief = TopologyLine["metrics"][number];

/** Of the client's side when it measured, else of the server's. */
function brief(edge: TopologyLine, ...names: string[]): Brief | null {
  for (const side of SIDES)
    for (const name of names) {
      const found = edge.metrics.find((metric) => metric.side === side && metric.metric === name);
      if (found && found.count !== null) return found;
    }
  return null;
}

function whyNot(names: readonly string[]): (edge: TopologyLine) => string | null {
  return (edge) =>
    edge.metrics.find((metric) => names.includes(metric.metric) && metric.whyNot !== null)?.whyNot ?? null;
}

function metric(
  id: string,
  title: string,
  value: (of: Brief) => number | null,
  text: (value: number | null) => string,
  ...more: string[]
): Column {
  const names = [id, ...more];
  const figure = (edge: TopologyLine): number | null => {
    const found = brief(edge, ...names);
    return found === null ? null : value(found);
  };
  return { id, title, value: figure, text: (edge) => text(figure(edge)), numeric: true, low: true, why: whyNot(names) };
}

function failed(edge: TopologyLine): number {
  return edge.connections.failed.reduce((sum, one) => sum + one.count, 0);
}

export const COLUMNS: readonly Column[] = [
  {
    id: "state",
    title: "state",
    value: (edge) => STATES.indexOf(edge.state),
    text: (edge) => edge.brief || edge.state.toLowerCase().replace("none", "no data"),
  },
  { id: "client", title: "client", value: (_, names) => names.client, text: (_, names) => names.client },
  { id: "server", title: "server", value: (_, names) => names.server, text: (_, names) => names.server },
  { id: "address", title: "dialed", value: (edge) => edge.address, text: (edge) => edge.address, low: true },
  { id: "protocol", title: "protocol", value: (edge) => edge.label, text: (edge) => edge.label, low: true },
  { id: "rate", title: "rate", value: (edge) => edge.rate, text: (edge) => rate(edge.rate), numeric: true },
  {
    id: "bytes",
    title: "bytes",
    value: (edge) => edge.bytesRate,
    text: (edge) => bytesRate(edge.bytesRate),
    numeric: true,
    low: true,
  },
  metric("write", "write", (of) => of.rate, rate),
  metric("read", "read", (of) => of.rate, rate),
  {
    id: "write_rtt",
    title: "write RTT p99",
    value: (edge) => edge.p99Ns,
    text: (edge) => time(edge.p99Ns),
    numeric: true,
    why: whyNot(["write_rtt"]),
    low: true,
  },
  metric("connect", "connect", (of) => of.rate, rate, "accept"),
  { id: "failed", title: "failed", value: failed, text: (edge) => count(failed(edge)), numeric: true, low: true },
  metric("close", "close", (of) => of.rate, rate),
  {
    id: "retransmit",
    title: "retransmit",
    value: (edge) => edge.retransmitShare,
    text: (edge) => share(edge.retransmitShare),
    numeric: true,
    why: whyNot(["retransmit"]),
    low: true,
  },
  metric("drop", "drop", (of) => of.count, count),
  {
    id: "seen",
    title: "seen",
    value: (edge) => edge.seenShare,
    text: (edge) => share(edge.seenShare),
    numeric: true,
    low: true,
  },
];

/** `-retransmit` is the largest first. Without a wish: the worst first, then by name. */
export function sorted(
  edges: readonly TopologyLine[],
  sort: string | null,
  namesOf: (edge: TopologyLine) => Names,
): TopologyLine[] {
  const down = sort?.startsWith("-") ?? false;
  const column = COLUMNS.find((one) => one.id === sort?.replace(/^-/, ""));
  const keys = (edge: TopologyLine): (string | number | null)[] => {
    const names = namesOf(edge);
    const usual = [STATES.indexOf(edge.state), names.client, names.server, edge.id];
    return column ? [column.value(edge, names), ...usual] : usual;
  };
  const by = new Map(edges.map((edge) => [edge.id, keys(edge)]));
  return [...edges].sort((a, b) => order(by.get(a.id) ?? [], by.get(b.id) ?? [], column !== undefined && down));
}

function order(a: readonly (string | number | null)[], b: readonly (string | number | null)[], down: boolean): number {
  for (let i = 0; i < a.length; i += 1) {
    const [one, other] = [a[i] ?? null, b[i] ?? null];
    if (one === other) continue;
    if (one === null) return 1;
    if (other === null) return -1;
    const less = one < other ? -1 : 1;
    return i === 0 && down ? -less : less;
  }
  return 0;
}
