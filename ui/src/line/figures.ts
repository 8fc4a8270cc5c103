/* What each cell of the line panel says: figures of one metric at one side, and how they went. Pure. */
import type { LineDetail, LineSeries, LineSide, OverTime, SideName } from "../generated/questions";
import { NONE, bytes, bytesRate, count, many, rate, share, time } from "../words/numbers";
import { METRICS, type MetricName, metricAt } from "../words/words";

export type Tone = "fail" | "slow" | "";
export type Measured = LineSide["metrics"][number];

export interface Cell {
  /** The figure, and what stands beside it. */
  main: string;
  beside: string;
  below: string;
  /** Why there is no figure. */
  why: string | null;
}

export const SHARES = [50, 75, 90, 95, 99];
const UNITS: Record<string, [string, string]> = {
  write: ["call", "calls"],
  read: ["call", "calls"],
  write_rtt: ["sample", "samples"],
  connect: ["connection", "connections"],
  accept: ["connection", "connections"],
  close: ["connection", "connections"],
  retransmit: ["segment", "segments"],
  drop: ["packet", "packets"],
  reset: ["connection", "connections"],
};

export function sideOf(edge: LineDetail, side: SideName): LineSide | null {
  return side === "CLIENT" ? edge.clientSide : edge.serverSide;
}

export function measured(edge: LineDetail, side: SideName, metric: MetricName): Measured | null {
  const name = metricAt(metric, side);
  return sideOf(edge, side)?.metrics.find((it) => it.metric === name) ?? null;
}

export function overTime(series: LineSeries | null | undefined, side: SideName, metric: MetricName): OverTime | null {
  const of = side === "CLIENT" ? series?.client : series?.server;
  return of?.find((it) => it.metric === metricAt(metric, side)) ?? null;
}

export function tcp(edge: LineDetail, side: SideName, name: string): number | null {
  return sideOf(edge, side)?.tcp.find((it) => it.name === name)?.value ?? null;
}

/** "32 100 calls". */
export function amount(value: Measured): string {
  const [one, more] = UNITS[value.metric] ?? [value.metric, value.metric];
  return value.count === null ? NONE : many(value.count, one, more);
}

function why(reasons: Measured["reasons"]): string {
  return reasons.map((it) => `${count(it.count)} ${it.reason.replaceAll("_", " ")}`).join(", ");
}

function times(value: Measured): string {
  const p99 = value.percentiles[4];
  if (value.averageNs === null && p99 === undefined) return "no call was timed";
  return `avg ${time(value.averageNs)} · p99 ${time(p99)}`;
}

function failed(edge: LineDetail): string {
  return edge.connections.failed.map((it) => `${count(it.count)} ${it.reason.replaceAll("_", " ")}`).join(", ");
}

function retransmitted(edge: LineDetail, side: SideName, value: Measured): string {
  const sent = tcp(edge, side, "segments_out");
  return sent ? `${share((value.count ?? 0) / sent)} of ${count(sent)} segments` : "of no segment sent";
}

/** Null where nobody measured. */
export function cell(edge: LineDetail, side: SideName, metric: MetricName): Cell | null {
  const value = measured(edge, side, metric);
  if (value === null) return null;
  if (value.count === null) return { main: NONE, beside: "", below: "", why: value.whyNot ?? "not measured" };
  const made = { main: rate(value.rate), beside: "", below: "", why: null };
  switch (metric) {
    case "write":
    case "read":
      return { ...made, beside: bytesRate(value.bytesRate), below: times(value) };
    case "write_rtt":
      return {
        ...made,
        main: time(value.averageNs),
        beside: value.averageNs === null ? "no sample" : "avg",
        below: `p50 ${time(value.percentiles[0])} · p99 ${time(value.percentiles[4])}`,
      };
    case "connect":
      return { ...made, beside: side === "CLIENT" ? failed(edge) : "", below: value.count > 0 ? times(value) : amount(value) };
    case "close":
      return { ...made, beside: amount(value), below: value.count > 0 ? times(value) : "" };
    case "retransmit":
      return { ...made, beside: bytes(value.bytes), below: retransmitted(edge, side, value) };
    case "drop":
    case "reset":
      return { ...made, beside: amount(value), below: why(value.reasons) };
  }
}

/** All figures of a cell, for the open row. */
export function details(value: Measured): [string, string][] {
  const rows: [string, string | null][] = [
    [UNITS[value.metric]?.[1] ?? "count", count(value.count)],
    ["bytes", value.bytes === null ? null : bytes(value.bytes)],
    ["timed", value.timed === null ? null : count(value.timed)],
    ["average", value.averageNs === null ? null : time(value.averageNs)],
    ...value.percentiles.map((ns, index): [string, string] => [`p${SHARES[index]}`, time(ns)]),
    ["whole call", value.callNs === null || !value.count ? null : `${time(value.callNs / value.count)} avg`],
    ["wait in the accept queue", value.queueNs === null || !value.count ? null : `${time(value.queueNs / value.count)} avg`],
  ];
  return rows.filter((row): row is [string, string] => row[1] !== null);
}

const CAUSES: [RegExp, MetricName | "limited" | "zero_windows"][] = [
  [/connects? (failed|timed out)|handshake/, "connect"],
  [/sent .*again|retransmit/, "retransmit"],
  [/dropped/, "drop"],
  [/reset/, "reset"],
  [/zero-window|does not read/, "zero_windows"],
  [/held (it|the \w+) back/, "limited"],
  [/round trip|RTT|queue on the way/, "write_rtt"],
];

/** Which rows the reasons of a state are about. */
export function blamed(reasons: readonly string[]): Set<string> {
  return new Set(reasons.flatMap((reason) => CAUSES.find(([pattern]) => pattern.test(reason))?.[1] ?? []));
}

/** The row that is open at first: the one that is to blame, else the first. */
export function worst(reasons: readonly string[]): MetricName {
  const bad = blamed(reasons);
  return METRICS.find((metric) => bad.has(metric)) ?? "write";
}

/** How a metric went, for the sparkline: the average where the times matter, else the rate. */
export function course(series: OverTime | null, metric: MetricName): (number | null)[] {
  if (series === null) return [];
  return metric === "write_rtt" ? series.averageNs : series.rate;
}

/** The TCP truths below the metrics: name on screen, and what stands there. */
export const TRUTHS: { name: string; key: string; of: (edge: LineDetail, side: SideName) => string }[] = [
  { name: "lost", key: "lost", of: (edge, side) => segments(tcp(edge, side, "lost")) },
  { name: "out of order", key: "out_of_order", of: (edge, side) => segments(tcp(edge, side, "out_of_order")) },
  {
    name: "zero windows",
    key: "zero_windows",
    of: (edge, side) => {
      const probes = tcp(edge, side, "zero_window_probes");
      return probes === null ? NONE : many(probes, "probe");
    },
  },
  { name: "time limited by", key: "limited", of: limited },
  {
    name: "round trip now",
    key: "srtt",
    of: (edge, side) => {
      const [now, least] = [tcp(edge, side, "srtt"), tcp(edge, side, "min_rtt")];
      return now === null ? NONE : `${time(now * 1000)}, at its best ${time(least === null ? null : least * 1000)}`;
    },
  },
];

function segments(value: number | null): string {
  return value === null ? NONE : many(value, "segment");
}

function limited(edge: LineDetail, side: SideName): string {
  const busy = tcp(edge, side, "busy");
  if (!busy) return busy === null ? NONE : "nothing to send";
  const part = (name: string): string => share(Math.min(1, (tcp(edge, side, name) ?? 0) / busy));
  return `receiver window ${part("rwnd_limited")}, send buffer ${part("sndbuf_limited")}`;
}
