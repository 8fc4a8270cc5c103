/* How a change reads. Pure. */
import type { Changed } from "../generated/questions";
import { bytesRate, change, count, rate, share, time } from "../words/numbers";

type Write = (value: number | null) => string;

/** What the server's figures of a line are called, and how they are written. */
const FIGURES: Record<string, { name: string; write: Write; points?: true }> = {
  rate: { name: "rate", write: rate },
  bytes: { name: "bytes", write: bytesRate },
  write_rtt: { name: "write RTT p99", write: time },
  connect: { name: "connect p99", write: time },
  retransmit: { name: "retransmit", write: share, points: true },
  failed: { name: "failed connects", write: share, points: true },
  reset: { name: "resets", write: rate },
  drop: { name: "drops", write: rate },
  rwnd_limited: { name: "receiver window", write: share, points: true },
  sndbuf_limited: { name: "send buffer", write: share, points: true },
  line: { name: "line", write: () => "" },
};

export function writer(metric: string): Write {
  return FIGURES[metric]?.write ?? count;
}

export function figureName(metric: string): string {
  return FIGURES[metric]?.name ?? metric.replaceAll("_", " ");
}

const POINTS = "pts";

/** `×230`, `+3.1 pts`, `−38 %`, "new", "gone". */
export function difference(row: Changed): string {
  if (row.kind === "NEW") return "new";
  if (row.kind === "GONE") return "gone";
  if (FIGURES[row.metric]?.points && row.a !== null && row.b !== null) {
    const points = (row.b - row.a) * 100;
    return `${points < 0 ? "−" : "+"}${Math.abs(points).toFixed(1)} ${POINTS}`;
  }
  if (row.change === null && row.a === 0 && row.b !== null) return `+${writer(row.metric)(row.b)}`;
  return change(row.change);
}

/** "One line is worse, 1 better, 1 new." */
export function summary(rows: readonly Changed[]): string {
  const lines = (of: (row: Changed) => boolean): number => new Set(rows.filter(of).map((row) => row.edge)).size;
  const worse = lines((row) => row.direction === "WORSE");
  const better = lines((row) => row.direction === "BETTER");
  const fresh = lines((row) => row.kind === "NEW");
  const gone = lines((row) => row.kind === "GONE");
  const parts: [number, string][] = [
    [worse, "worse"],
    [better, "better"],
    [fresh, "new"],
    [gone, "gone"],
  ];
  const said = parts.filter(([number]) => number > 0).map(([number, word]) => `${number} ${word}`);
  return said.length > 0 ? said.join(" · ") : "nothing changed";
}
