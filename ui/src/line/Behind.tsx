/* The single connections of a line's sides, or of a process, as they are now: the worst, the busiest, the last that ended. */
import { useState } from "preact/hooks";
import type { ConnectionsSeen, LookedAt, OneConnection } from "../generated/questions";
import { NONE, bytes, bytesRate, clock, count, span, time } from "../words/numbers";
import "./behind.css";

/** Rows that stand there at first. */
const FEW = 8;
const us = (value: number | null): string => time(value === null ? null : value * 1000);

/** "client side"; a process has only one. */
const sideName = (seen: ConnectionsSeen): string => (seen.side === null ? "process" : `${seen.side.toLowerCase()} side`);

function age(it: OneConnection, at: string | null): string {
  const end = Date.parse(it.closedAt ?? at ?? it.countedSince);
  const seconds = Math.max(0, (end - Date.parse(it.openedAt ?? it.countedSince)) / 1000);
  return (it.openedAt === null ? "> " : "") + (seconds < 10 ? time(Math.round(seconds * 10) * 1e8) : span(seconds));
}

function part(of: number | null, whole: number | null): string {
  if (of === null || !whole) return us(of);
  return `${us(of)}, ${Math.round((100 * of) / whole)} %`;
}

function details(it: OneConnection): [string, string][] {
  return [
    ["calls sent", count(it.writeCalls)],
    ["calls received", count(it.readCalls)],
    ["bytes now", bytesRate(it.bytesRate)],
    ["not acknowledged", bytes(it.unackedBytes)],
    ["not read", bytes(it.unreadBytes)],
    ["RTT variation", us(it.rttvarUs)],
    ["least RTT", us(it.minRttUs)],
    ["segments out", count(it.segmentsOut)],
    ["retransmitted", count(it.retransmitted)],
    ["held for lost", count(it.lost)],
    ["out of order", count(it.outOfOrder)],
    ["zero-window probes", count(it.zeroWindowProbes)],
    ["busy", us(it.busyUs)],
    ["held by window", part(it.rwndLimitedUs, it.busyUs)],
    ["held by send buffer", part(it.sndbufLimitedUs, it.busyUs)],
    ["opened", it.openedAt === null ? `before ${clock(it.countedSince)}` : clock(it.openedAt)],
    ["closed", it.closedAt === null ? NONE : clock(it.closedAt)],
  ];
}

function Row({ it, at }: { it: OneConnection; at: string | null }) {
  const [open, setOpen] = useState(false);
  const said = [...(it.ended === null ? [] : [it.ended]), ...it.troubles];
  const bad = it.troubles.length > 0 || (it.ended !== null && it.ended !== "closed");
  return (
    <>
      <tr class={bad ? "slow" : undefined}>
        <th scope="row">
          <button
            type="button"
            class="bare mono"
            data-row
            data-problem={bad || undefined}
            aria-expanded={open}
            onClick={() => setOpen(!open)}
          >
            {it.local} <span class="quiet">to</span> {it.remote}
          </button>
          <span class="quiet">
            {it.state} · {it.label} · {it.process} {it.pid === null ? "" : <span class="mono">pid {it.pid}</span>}
          </span>
          {said.length > 0 ? <span class={bad ? "slow-text" : "second"}>{said.join("; ")}</span> : null}
        </th>
        <td class="num low">{age(it, at)}</td>
        <td class="num">{bytes(it.writeBytes)}</td>
        <td class="num">{bytes(it.readBytes)}</td>
        <td class="num">{us(it.srttUs)}</td>
        <td class="num">{count(it.retransmitted)}</td>
      </tr>
      {open ? (
        <tr class="more">
          <td colSpan={6}>
            <dl class="figures">
              {details(it).map(([name, figure]) => (
                <div key={name}>
                  <dt>{name}</dt>
                  <dd>{figure}</dd>
                </div>
              ))}
            </dl>
          </td>
        </tr>
      ) : null}
    </>
  );
}

function Rows({ seen }: { seen: ConnectionsSeen }) {
  const [all, setAll] = useState(false);
  const shown = all ? seen.connections : seen.connections.slice(0, FEW);
  const left = seen.connections.length - shown.length;
  return (
    <>
      <table class="behind">
        <caption class="unseen">Connections, {sideName(seen)}</caption>
        <thead>
          <tr>
            <th scope="col">connection</th>
            <th scope="col" class="num low">
              age
            </th>
            <th scope="col" class="num">
              sent
            </th>
            <th scope="col" class="num">
              received
            </th>
            <th scope="col" class="num">
              RTT
            </th>
            <th scope="col" class="num">
              retransmit
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map((it) => (
            <Row key={`${it.local} ${it.remote} ${it.pid ?? ""} ${it.ended ?? ""}`} it={it} at={seen.at} />
          ))}
        </tbody>
      </table>
      {left > 0 ? (
        <button type="button" class="text" onClick={() => setAll(true)}>
          Show {count(left)} more, {sideName(seen)}
        </button>
      ) : null}
    </>
  );
}

/** "12 open (11 ESTABLISHED, 1 CLOSE_WAIT); 3 ended lately", as the terminal says it. */
function counted(seen: ConnectionsSeen): string {
  const states = seen.states.map((it) => `${count(it.count)} ${it.state}`).join(", ");
  const here = seen.connections.filter((it) => it.ended === null).length;
  const told = here < seen.open ? `, ${count(here)} of them here` : "";
  const ended = seen.closed > 0 ? `; ${count(seen.closed)} ended lately` : "";
  return `${count(seen.open)} open${states === "" ? "" : ` (${states})`}${told}${ended}`;
}

function Side({ seen }: { seen: ConnectionsSeen }) {
  const name = sideName(seen);
  const title = name.charAt(0).toUpperCase() + name.slice(1);
  if (seen.whyNot !== null) {
    return (
      <p class="second">
        {title}: not supported, because {seen.whyNot}.
      </p>
    );
  }
  if (seen.at === null) return <p class="second">{title}: the agent on {seen.host} is asked …</p>;
  return (
    <section aria-label={`Connections, ${name}`}>
      <p class="second">
        <b>{title}</b> on {seen.host} at <time dateTime={seen.at}>{clock(seen.at)}</time>: {counted(seen)}.
      </p>
      {seen.connections.length > 0 ? <Rows seen={seen} /> : null}
    </section>
  );
}

/** What there is of them: null until it is there; in a window that is over there is nothing. */
export type Seen = LookedAt | "over" | null;

export function Behind({ seen }: { seen: Seen }) {
  if (seen === "over") return <p class="quiet">Single connections are those of now: go live to see them.</p>;
  if (seen === null) return <p class="second">Single connections are asked for …</p>;
  if (seen.whyNot !== null) return <p class="second">Single connections are not shown: {seen.whyNot}.</p>;
  return (
    <>
      {seen.sides.map((it) => (
        <Side key={`${it.side ?? ""} ${it.host}`} seen={it} />
      ))}
    </>
  );
}
