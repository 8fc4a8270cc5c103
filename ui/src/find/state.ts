/* What a row says of a service, an instance or a host, in words. */
import type { HealthNow } from "../generated/questions";
import { type AgentSeen, SILENT_SECONDS, serverNow, silence } from "../frame/health";
import type { Tone } from "../line/figures";
import { WORDS } from "../words/Sign";
import { rate, span } from "../words/numbers";

const RECENT_SECONDS = 120;

/** Seconds since then; the server's clock. */
export function ago(at: string): number {
  return Math.max(0, serverNow() - Date.parse(at) / 1000);
}

/** Seconds until then. */
export function until(at: string): number {
  return Math.max(0, Date.parse(at) / 1000 - serverNow());
}

/** `host` null: more than one. */
export function stateInWords(health: HealthNow, lastSeen: string, host: string | null, agents: AgentSeen[]): string {
  const agent = agents.find((it) => it.host === host);
  if (agent && silence(agent) > SILENT_SECONDS) return `agent silent for ${span(silence(agent))}`;
  if (health.state === "HEALTHY") return "healthy";
  const [first, ...more] = health.reasons;
  if (first !== undefined) {
    // The word first: there may be no room for more.
    return `${WORDS[health.state]}: ${more.length > 0 ? `${first} and ${more.length} more` : first}`;
  }
  if (health.lines > 0) return "too little to tell";
  return ago(lastSeen) > RECENT_SECONDS ? `no traffic for ${span(ago(lastSeen))}` : "no traffic";
}

/** Recently seen first, in classes of a minute, then by name: rows do not change places every second. */
export function recentFirst<Row extends { lastSeen: string; name: string }>(rows: Row[]): Row[] {
  const minute = (row: Row): number => Math.floor(ago(row.lastSeen) / 60);
  return [...rows].sort((a, b) => minute(a) - minute(b) || a.name.localeCompare(b.name));
}

/** The order of the first time: what is new comes last, nothing moves by itself. */
export function steady<Row extends { id: string }>(rows: Row[], order: string[]): Row[] {
  for (const row of rows) if (!order.includes(row.id)) order.push(row.id);
  const place = new Map(order.map((id, index) => [id, index]));
  return [...rows].sort((a, b) => (place.get(a.id) ?? 0) - (place.get(b.id) ?? 0));
}

export function sparkTone(state: HealthNow["state"]): Tone {
  return state === "FAILING" ? "fail" : state === "SLOW" ? "slow" : "";
}

/** What a trend shows; null: nothing was recorded. */
export function trendInWords(trend: readonly (number | null)[]): string | null {
  const known = trend.filter((value) => value !== null);
  if (known.length === 0) return null;
  const [least, most] = [Math.min(...known), Math.max(...known)].map((value) => rate(value));
  return least === most ? `${most} in the last 15 min` : `${least} to ${most} in the last 15 min`;
}
