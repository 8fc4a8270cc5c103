/* A line between services: where the time goes, requests, errors, latency at each side, and the pods behind it. */
import type { ComponentChildren } from "preact";
import type { MeshLineRow, WholeMesh } from "../generated/questions";
import { href } from "../frame/address";
import { Icon } from "../frame/Icon";
import { mayChange } from "../frame/session";
import { Sign, WORDS } from "../words/Sign";
import { NONE, bytes, count, many, rate, share, time } from "../words/numbers";
import { PARTS, SUM, errorShare, errorsByStatus, flags, part, perSecond, unread } from "./words";

function WhereTheTimeGoes({ line }: { line: MeshLineRow }) {
  const whole = part(line, "whole", "CLIENT") ?? part(line, "whole");
  const parts = SUM.map((name) => ({ name, ns: part(line, name)?.averageNs ?? null })).filter((it) => it.ns !== null);
  const sum = parts.reduce((all, it) => all + Math.max(0, it.ns ?? 0), 0);
  if (whole?.averageNs == null) return null;
  return (
    <section class="goes" aria-label="Where the time goes">
      <div class="row between">
        <h3>Where the time goes</h3>
        <span>
          <b>{time(whole.averageNs)}</b> avg of {many(line.requests, "request")}
        </span>
      </div>
      {parts.length > 0 ? (
        <>
          <div class="bar" aria-hidden="true">
            {parts.map((it) => (
              <i key={it.name} class={it.name} style={{ flexGrow: Math.max(0, it.ns ?? 0) / (sum || 1) }} />
            ))}
          </div>
          <dl class="legend">
            {parts.map((it) => (
              <div key={it.name}>
                <dt>
                  <i class={it.name} /> {PARTS[it.name]}
                </dt>
                <dd>{time(it.ns)}</dd>
              </div>
            ))}
          </dl>
        </>
      ) : (
        <p class="second">Not split up: only one side of this line sends access logs.</p>
      )}
    </section>
  );
}

function Row({ name, client, server }: { name: string; client: ComponentChildren; server: ComponentChildren }) {
  return (
    <div class="grid">
      <b>{name}</b>
      <section aria-label={`client side ${name}`}>{client}</section>
      <section aria-label={`server side ${name}`}>{server}</section>
    </div>
  );
}

/** The whole call as a side saw it; of a server behind a client that reports, what its application took. */
function Latency({ line, side }: { line: MeshLineRow; side: "CLIENT" | "SERVER" }) {
  const whole = part(line, "whole", side);
  const seen = whole ?? part(line, "app", side);
  if (seen?.averageNs == null) return <p class="quiet">{NONE}</p>;
  const [p50, , , , p99] = seen.percentiles;
  return (
    <>
      <p>
        <b>{time(seen.averageNs)}</b> avg{whole ? "" : " in the application"}
      </p>
      <p class="second">
        p50 {time(p50)} · p99 {time(p99)}
      </p>
    </>
  );
}

function Figures({ line, seconds }: { line: MeshLineRow; seconds: number }) {
  const unseen = <p class="quiet">not seen: no access log of this side</p>;
  const requests = (
    <>
      <p>
        <b>{rate(perSecond(line, seconds))}</b> {unread(line) ? many(line.connections, "connection") : many(line.requests, "request")}
      </p>
      <p class="second">
        in {bytes(line.bytesIn)} · out {bytes(line.bytesOut)}
        {line.connections > 0 && !unread(line) ? ` · ${many(line.connections, "connection")}` : ""}
      </p>
    </>
  );
  const errors = (
    <>
      <p>
        <b class={line.errors > 0 ? "fail-text" : undefined}>{share(errorShare(line))}</b>{" "}
        {many(line.errors, "error")}
        {line.retries > 0 ? `, ${many(line.retries, "retry", "retries")}` : ""}
      </p>
      <p class="second">
        {[errorsByStatus(line), flags(line)].filter((it) => it !== "").join("; ")}
      </p>
    </>
  );
  return (
    <>
      <Row name={unread(line) ? "connections" : "requests"} client={line.clientSeen ? requests : unseen} server={line.serverSeen ? (line.clientSeen ? <p class="second">the same {unread(line) ? "connections" : "requests"}, seen here, too</p> : requests) : unseen} />
      <Row name="errors" client={line.clientSeen ? errors : unseen} server={line.serverSeen && !line.clientSeen ? errors : null} />
      <Row name="latency" client={<Latency line={line} side="CLIENT" />} server={<Latency line={line} side="SERVER" />} />
    </>
  );
}

function Pods({ line }: { line: MeshLineRow }) {
  const servers = new Map<string, { requests: number; errors: number }>();
  for (const pair of line.instances) {
    const sum = servers.get(pair.server) ?? { requests: 0, errors: 0 };
    servers.set(pair.server, { requests: sum.requests + pair.requests, errors: sum.errors + pair.errors });
  }
  if (servers.size === 0) return null;
  return (
    <section aria-label="Pods behind this line">
      <h3>Pods behind this line</h3>
      <table>
        <thead>
          <tr>
            <th scope="col">to</th>
            <th scope="col" class="num">
              requests
            </th>
            <th scope="col" class="num">
              errors
            </th>
            <th scope="col" class="num">
              <span class="unseen">profile</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {[...servers].map(([id, sum]) => (
            <tr key={id}>
              <td>
                <a class="name" href={href(["i", id, "topology"])}>
                  {podName(id)}
                </a>
              </td>
              <td class="num">{count(sum.requests)}</td>
              <td class="num">{count(sum.errors)}</td>
              <td class="num">
                {mayChange.value ? (
                  <a class="button" href={href(["i", id, "profiling", "new"])} aria-label={`Profile ${podName(id)}`}>
                    Profile
                  </a>
                ) : null}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** The name in an instance's id: base64 behind the `_`; the id itself where it is none. */
export function podName(id: string): string {
  const coded = id.slice(id.lastIndexOf("_") + 1);
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(coded), (letter) => letter.charCodeAt(0)));
  } catch {
    return id;
  }
}

export function MeshPanel({ mesh, line, close }: { mesh: WholeMesh; line: MeshLineRow; close: () => void }) {
  const name = (id: string): string => mesh.services.find((service) => service.id === id)?.name ?? id;
  const tone = line.state === "FAILING" ? "fail" : line.state === "SLOW" ? "slow" : "";
  return (
    <aside class="side mesh-side" aria-label={`${name(line.client)} to ${name(line.server)}, ${line.label}`}>
      <header class="panel-head">
        <div class="row">
          <Sign state={line.state} quiet />
          <h2>
            {name(line.client)} to {name(line.server)}
          </h2>
          <span class="chip">{line.label}</span>
          <span class={`chip ${tone}`}>{WORDS[line.state]}</span>
          <button type="button" class="bare close" aria-label="Close" onClick={close}>
            <Icon name="close" />
          </button>
        </div>
        {line.reasons.length > 0 ? <b>{line.reasons.join("; ")}.</b> : null}
      </header>
      <WhereTheTimeGoes line={line} />
      <div class="metrics">
        <div class="grid head">
          <span class="quiet">from Envoy access logs</span>
          <div>
            <span class="quiet">Client side</span>
            <br />
            <b>{name(line.client)}</b>
          </div>
          <div>
            <span class="quiet">Server side</span>
            <br />
            <b>{name(line.server)}</b>
          </div>
        </div>
        <Figures line={line} seconds={mesh.seconds} />
      </div>
      <Pods line={line} />
    </aside>
  );
}
