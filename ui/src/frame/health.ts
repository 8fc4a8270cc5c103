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

/** Takes the server's clock from an answer's Date, which has whole seconds. */
export function learnClock(date: string | null): void {
  const told = date === null ? NaN : Date.parse(date);
  if (!Number.isFinite(told)) return;
  const low = told - Date.now();
  // `told` stands for a whole second: any difference that agrees with it is kept, so that the clock does not jump.
  if (ahead.value < low || ahead.value > low + 1000) ahead.value = Math.abs(low + 500) < 1500 ? 0 : low + 500;
}
