/* What a line between services says. Pure. */
import type { MeshLineRow } from "../generated/questions";
import { NONE, count, rate, share, time } from "../words/numbers";

export type Figure = "rate" | "errors" | "p99";
export const FIGURES: Figure[] = ["rate", "errors", "p99"];

export type Part = MeshLineRow["latency"][number];

export function part(line: MeshLineRow, name: string, side?: "CLIENT" | "SERVER"): Part | null {
  return line.latency.find((it) => it.part === name && (side === undefined || it.side === side)) ?? null;
}

/** p99 of the whole call as the client saw it, else the server. ns. */
export function p99(line: MeshLineRow): number | null {
  return (part(line, "whole", "CLIENT") ?? part(line, "whole"))?.percentiles[4] ?? null;
}

/** What has no namespace is called so: a proxy outside of a cluster, or an address. */
export const namespaceName = (name: string): string => (name === "" ? "no namespace" : name);

/** Whether a proxy passed it on unread: then an access log has connections that ended, and no requests. */
export const unread = (line: MeshLineRow): boolean => line.requests === 0 && line.connections > 0;

/** Requests a second, or connections of what is passed on unread. `seconds`: in which access logs were taken in. */
export function perSecond(line: MeshLineRow, seconds: number): number {
  return unread(line) ? line.connections / seconds : line.rate;
}

/** `214/s`, `0.4/s connections`. */
export function rateInWords(line: MeshLineRow, seconds: number): string {
  return `${rate(perSecond(line, seconds))}${unread(line) ? " connections" : ""}`;
}

/** Of requests, or of connections that reached nobody; null: neither ended in the window. */
export function errorShare(line: MeshLineRow): number | null {
  return line.requests + line.connections > 0 ? line.errorShare : null;
}

export function figure(line: MeshLineRow, chosen: Figure, seconds: number): string {
  if (line.reasons[0] !== undefined) return line.reasons[0];
  if (chosen === "errors") return errorShare(line) === null ? NONE : `${share(errorShare(line))} errors`;
  if (chosen === "p99") return time(p99(line));
  return rateInWords(line, seconds);
}

/** "12 UF, 3 URX": response flags, the most frequent first. */
export function flags(line: MeshLineRow): string {
  const all = [...line.byFlag].sort((a, b) => b.count - a.count);
  return all.map((it) => `${count(it.count)} ${it.reason}`).join(", ");
}

export function errorsByStatus(line: MeshLineRow): string {
  const bad = line.byStatus.filter((it) => !/^[123]/.test(it.reason));
  return bad.map((it) => `${count(it.count)} × ${it.reason}`).join(", ");
}

/** The parts that make up a whole call, in the order in which a request meets them. */
export const SUM = ["client_proxy", "network", "server_proxy", "app", "not_explained"] as const;

export const PARTS: Record<string, string> = {
  client_proxy: "client's proxy",
  network: "network",
  server_proxy: "server's proxy",
  app: "application",
  not_explained: "not explained",
};
