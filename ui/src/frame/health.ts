/* How well it is being measured: what the bar at the bottom says, taken from each view's own answer. */
import { signal } from "@preact/signals";
import type { AgentSeen, HealthBar } from "../generated/questions";

export type { AgentSeen };
export type Health = Pick<HealthBar, "agents" | "server">;

export const health = signal<Health | null>(null);
/** The server's clock, Unix ms, minus ours. */
export const ahead = signal(0);

/** An agent reports once a second; this long without a report and it is called silent. */
export const SILENT_SECONDS = 6;

export function serverNow(): number {
  return (Date.now() + ahead.value) / 1000;
}

/** Seconds since an agent's last report ended. */
export function silence(agent: AgentSeen): number {
  return Math.max(0, serverNow() - Date.parse(agent.lastSeen) / 1000 - 1);
}

/** For how long the agent on a host is silent, as far as the bar or an answer (`told`) knows, s. */
export function silentFor(host: string, told: number | null): number {
  const agent = health.value?.agents.find((it) => it.host === host);
  return Math.max(told ?? 0, agent ? silence(agent) : 0);
}

/** A Date has whole seconds, and the server makes a new one once a second: so old it may be when it is sent, ms. */
const OLD = 2000;

/** Takes the server's clock from an answer's Date; the answer took so many ms. Any difference that agrees with it is
    kept, so that the clock does not jump from answer to answer. */
export function learnClock(date: string | null, took: number): void {
  const told = date === null ? NaN : Date.parse(date);
  if (!Number.isFinite(told)) return;
  const least = told - Date.now();
  const most = least + OLD + took;
  if (ahead.value >= least && ahead.value <= most) return;
  ahead.value = least <= 0 && most >= 0 ? 0 : (least + most) / 2;
}
