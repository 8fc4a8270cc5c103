/** What the topology says when it has nothing, nothing new, or not all. */

import type { Trouble } from "../../api/poll";
import { Banner, ErrorBanner, useLater } from "../../frame/Banner";
import { SILENT_SECONDS, serverNow, silentFor } from "../../frame/health";
import type { WholeTopology } from "../../generated/questions";
import { clock, many, share, span } from "../../words/numbers";
import { SEEN_ENOUGH } from "../scene";

/** Where else to look when this window holds nothing. */
export interface Travel {
  /** When bytes last moved, ms; null when nobody knows. */
  readonly last: number | null;
  readonly toLast: (() => void) | null;
  readonly toLive: (() => void) | null;
  /** `python on :9080` ... */
  readonly listening: readonly string[];
}

interface BannersProps {
  data: WholeTopology | null;
  trouble: Trouble | null;
  at: number;
  retry: () => void;
}

export function Banners({ data, trouble, at, retry }: BannersProps) {
  if (data === null) return null;
  const silent = silentFor(data.instance.host, data.agentSilentSeconds);
  const lines = seen(data);
  return (
    <>
      {trouble ? <ErrorBanner trouble={trouble} what="the topology" at={at} now={retry} /> : null}
      {silent > SILENT_SECONDS ? (
        <Banner kind="stale">
          Agent on {data.instance.host} silent for {span(silent)}. You see {clock(lastSecond(data, silent))}, the last
          second it reported.
        </Banner>
      ) : null}
      {lines !== null ? <Banner kind="partial">{lines}</Banner> : null}
    </>
  );
}

function lastSecond(data: WholeTopology, silent: number): number {
  return Math.min(Date.parse(data.window.to), (serverNow() - silent) * 1000) - 1000;
}

/** `93 % of the connections of this window were seen: ...`, null when nearly all was. */
function seen(data: WholeTopology): string | null {
  const parts = data.completeness.map((host) => {
    const recorded = host.secondsAsked > 0 ? host.secondsRecorded / host.secondsAsked : 1;
    return { host: host.host, recorded, gaps: host.gaps, seconds: host.secondsRecorded, asked: host.secondsAsked };
  });
  const worst = parts.sort((a, b) => a.recorded - b.recorded)[0];
  if (worst && worst.recorded < SEEN_ENOUGH) {
    const why = worst.gaps[0]?.cause ?? `${worst.host} recorded ${span(worst.seconds)} of ${span(worst.asked)}`;
    return `${share(worst.recorded)} of this window was seen: ${why}. Dashed lines are affected.`;
  }
  const dashed = data.edges.filter((edge) => edge.seenShare < SEEN_ENOUGH);
  const [first] = [...dashed].sort((a, b) => a.seenShare - b.seenShare);
  if (!first) return null;
  return `${many(dashed.length, "line")} of this window ${dashed.length === 1 ? "was" : "were"} seen in part only, the least ${share(first.seenShare)}. Dashed lines are affected.`;
}

interface NothingProps {
  data: WholeTopology | null;
  trouble: Trouble | null;
  retry: () => void;
  travel: Travel;
}

/** In place of the picture. */
export function Nothing({ data, trouble, retry, travel }: NothingProps) {
  const late = useLater();
  if (data === null && trouble) return <Failed trouble={trouble} retry={retry} />;
  if (data === null) return late ? <Loading /> : <div class="stage" />;
  if (data.edges.length > 0) return <div class="stage" />;
  const task = data.instance.task;
  const young = task !== null && serverNow() * 1000 - Date.parse(task.createdAt) < 60_000;
  return young ? <Starting data={data} /> : <Empty data={data} travel={travel} />;
}

function Loading() {
  return (
    <div class="stage loading" role="status" aria-label="Loading the topology">
      <svg width="420" height="460" viewBox="-210 -230 420 460" aria-hidden="true">
        <path class="hexagon" d="M0 -215L186 -107.5L186 107.5L0 215L-186 107.5L-186 -107.5Z" />
        {[-132, 0, 132].map((y) => (
          <rect key={y} class="ghost" x={-62} y={y - 25} width={124} height={50} rx={8} />
        ))}
      </svg>
    </div>
  );
}

function Starting({ data }: { data: WholeTopology }) {
  const task = data.instance.task;
  if (!task) return null;
  const begun = Date.parse(task.createdAt);
  const traced = task.tracedAt === null ? null : Date.parse(task.tracedAt);
  const watched = task.processes ?? data.instance.processes;
  const waits = Math.max(0, serverNow() - (traced ?? begun) / 1000);
  const step = (done: boolean, text: string, seconds: number | null) => (
    <li class={done ? "done" : ""}>
      <i aria-hidden="true" />
      {text}
      {seconds === null ? null : <span class="quiet num">{seconds.toFixed(1)} s</span>}
    </li>
  );
  return (
    <div class="stage">
      <div class="panel empty" role="status">
        <h2>Starting on {data.instance.host}</h2>
        <ol class="steps">
          {step(true, "Handed to the agent", null)}
          {step(
            traced !== null,
            traced === null ? "Attaching probes" : `Probes attached, ${many(watched, "process", "processes")}`,
            traced === null ? null : (traced - begun) / 1000,
          )}
          {step(false, "Waiting for the first line", waits)}
        </ol>
        <p class="second">
          {traced !== null && waits > 3
            ? `No byte yet: ${many(watched, "process", "processes")} watched.`
            : "Lines appear with the first bytes; open connections are included."}
        </p>
      </div>
    </div>
  );
}

function Empty({ data, travel }: { data: WholeTopology; travel: Travel }) {
  const { from, to } = data.window;
  const recorded = data.completeness.some((host) => host.secondsRecorded > 0);
  const watched = many(
    data.nodes.filter((node) => node.inside).length || data.instance.processes,
    "process was",
    "processes were",
  );
  return (
    <div class="stage">
      <div class="panel empty" role="status">
        <h2>{recorded ? "No traffic in this window" : "Nothing was recorded in this window"}</h2>
        {recorded ? (
          <p>
            {watched} watched from {clock(from)} to {clock(to)}; none sent or received a byte over TCP.
            {travel.listening.length > 0 ? ` Listening: ${travel.listening.join(", ")}.` : ""}
          </p>
        ) : (
          <p>
            From {clock(from)} to {clock(to)} nobody watched {data.instance.name}, or it is no longer kept.
          </p>
        )}
        <div class="row">
          {travel.toLast && travel.last !== null ? (
            <button type="button" onClick={travel.toLast}>
              Last traffic, {clock(travel.last)}
            </button>
          ) : null}
          {travel.toLive ? (
            <button type="button" onClick={travel.toLive}>
              Go live
            </button>
          ) : null}
        </div>
      </div>
    </div>
  );
}

function Failed({ trouble, retry }: { trouble: Trouble; retry: () => void }) {
  return (
    <div class="stage">
      <div class="panel">
        <ErrorBanner trouble={trouble} what="the topology" at={0} now={retry} />
      </div>
    </div>
  );
}
