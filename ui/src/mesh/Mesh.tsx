/* Mesh: which service calls which, from Envoy's access logs, with rate, errors and latency. */
import { useEffect } from "preact/hooks";
import { MeshView as Question, type MeshViewAnswer, type WholeMesh } from "../generated/questions";
import { TimeAxis } from "../axis/TimeAxis";
import { go, href, path, query, set } from "../frame/address";
import { Banner } from "../frame/Banner";
import { serverNow } from "../frame/health";
import { bind } from "../frame/keys";
import { useRows } from "../frame/rows";
import { useFiles } from "../frame/useFiles";
import { useHealth } from "../frame/useHealth";
import { usePoll } from "../frame/usePoll";
import { Whole } from "../frame/Whole";
import { answered, asked, at, written } from "../frame/window";
import { axisDue, axisOf, setWindow, timeline, windowOf } from "../instance/asked";
import { many, span as lasting } from "../words/numbers";
import { bad } from "../words/state";
import { MeshCanvas } from "./MeshCanvas";
import { MeshPanel } from "./MeshPanel";
import { MeshTable } from "./MeshTable";
import { FIGURES, type Figure } from "./words";
import "../instance/instance.css";
import "../line/line.css";
import "./mesh.css";

const STALE_SECONDS = 10;
type Tab = "services" | "pods" | "table";

function tab(): Tab {
  const second = path.value[1];
  return second === "pods" || second === "table" ? second : "services";
}

function service(): string | null {
  return tab() === "pods" ? (query.value.service ?? null) : null;
}

function Bar({ mesh }: { mesh: WholeMesh }) {
  const namespaces = [...new Set(mesh.services.map((it) => it.namespace))].filter((it) => it !== "").sort();
  const { w, label } = query.value;
  return (
    <div class="placebar">
      <nav aria-label="Where" class="crumbs">
        <b>Mesh</b>
      </nav>
      <nav aria-label="Instance" class="tabs">
        {(["services", "pods", "table"] as const).map((it) => (
          <a key={it} aria-current={tab() === it ? "page" : undefined} href={href(it === "services" ? ["mesh"] : ["mesh", it], { w, label, ns: query.value.ns })}>
            {it === "services" ? "Services" : it === "pods" ? "Pods" : "Table"}
          </a>
        ))}
      </nav>
      <div class="choice right" role="group" aria-label="Namespace">
        {[null, ...namespaces].map((name) => (
          <button key={name} type="button" aria-pressed={(query.value.ns ?? null) === name} onClick={() => set({ ns: name, line: null })}>
            {name ?? "All namespaces"}
          </button>
        ))}
      </div>
    </div>
  );
}

function Banners({ mesh }: { mesh: WholeMesh }) {
  const silent = mesh.lastEntry === null ? 0 : serverNow() - Date.parse(mesh.lastEntry) / 1000;
  if (windowOf().live && silent > STALE_SECONDS) return <Banner kind="stale">No entry for {lasting(silent)}.</Banner>;
  if (mesh.proxiesSilent.length === 0) return null;
  return (
    <Banner kind="partial">
      {mesh.proxies - mesh.proxiesSilent.length} of {many(mesh.proxies, "proxy", "proxies")} send access logs. Missing:{" "}
      {mesh.proxiesSilent.join(", ")}.
    </Banner>
  );
}

function NoLog() {
  return (
    <section class="panel empty in-canvas" role="status">
      <h2>No access log has arrived.</h2>
      <p>Point Envoy's access log service at {location.hostname}:11800: two lines of mesh config.</p>
      <details>
        <summary>Show them</summary>
        <pre>
          enableEnvoyAccessLogService: true{"\n"}defaultConfig: {"{"} envoyAccessLogService: {"{"} address: "{location.hostname}:11800" {"}"} {"}"}
        </pre>
      </details>
    </section>
  );
}

function Pods({ answer }: { answer: MeshViewAnswer }) {
  return (
    <section class="panel" aria-label="Services to look into">
      <header>
        <h2>Pods of which service?</h2>
      </header>
      <ul class="plain">
        {answer.mesh.services.map((it) => (
          <li key={it.id}>
            <a class="name" data-row href={href(["mesh", "pods"], { ...query.value, service: it.id, line: null })}>
              {it.name}
            </a>{" "}
            <span class="quiet">
              {it.namespace} · {many(it.instances.length, "pod")}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Tools({ mesh, figure }: { mesh: WholeMesh; figure: Figure }) {
  const found = mesh.lines.filter((line) => bad(line.state)).length;
  const problems = query.value.show === "problems";
  return (
    <div class="row tools-row">
      <div class="choice" role="group" aria-label="Lines">
        <button type="button" aria-pressed={!problems} onClick={() => set({ show: null })}>
          All lines
        </button>
        <button type="button" aria-pressed={problems} onClick={() => set({ show: "problems" })}>
          Problems {found}
        </button>
      </div>
      <div class="choice" role="group" aria-label="Figure">
        {FIGURES.map((it) => (
          <button key={it} type="button" aria-pressed={it === figure} onClick={() => set({ label: it })}>
            {it}
          </button>
        ))}
      </div>
      <span class="second right">
        {many(mesh.services.length, "service")} · {many(mesh.lines.length, "line")}
      </span>
    </div>
  );
}

function Content({ answer, mesh }: { answer: MeshViewAnswer; mesh: WholeMesh }) {
  const figure = FIGURES.find((it) => it === query.value.label) ?? "rate";
  if (answer.mesh.services.length === 0) return <NoLog />;
  if (tab() === "table") return <MeshTable mesh={mesh} />;
  if (tab() === "pods" && service() === null) return <Pods answer={answer} />;
  if (matchMedia("(max-width: 760px)").matches) return <MeshTable mesh={mesh} />;
  return (
    <>
      <Tools mesh={mesh} figure={figure} />
      <MeshCanvas
        mesh={mesh}
        chosen={figure}
        selected={query.value.line ?? null}
        problems={query.value.show === "problems"}
        openLine={(line) => set({ line })}
        openService={(id) =>
          tab() === "pods" ? go(href(["i", id, "topology"])) : go(href(["mesh", "pods"], { w: query.value.w, service: id }))
        }
      />
    </>
  );
}

function Answered({ answer }: { answer: MeshViewAnswer }) {
  const mesh = service() !== null && answer.meshPods ? answer.meshPods : answer.mesh;
  const line = mesh.lines.find((it) => it.id === query.value.line);
  const span = answered(mesh.window);
  return (
    <>
      <div class="place">
        <Bar mesh={answer.mesh} />
        <Banners mesh={answer.mesh} />
      </div>
      <div class="work">
        <main id="main" class="mesh" tabIndex={-1}>
          <h1 class="unseen">Mesh</h1>
          <Content answer={answer} mesh={mesh} />
        </main>
        {line ? <MeshPanel mesh={mesh} line={line} close={() => set({ line: null })} /> : null}
      </div>
      <TimeAxis window={windowOf()} span={span} axis={axisOf(windowOf(), span)} timeline={timeline.value} step="1 s" setWindow={setWindow} />
    </>
  );
}

export function Mesh() {
  useRows();
  const key = `${query.value.w ?? ""} ${query.value.ns ?? ""} ${service() ?? ""}`;
  const polled = usePoll(Question, key, () => {
    const window = windowOf();
    const span = at(window, serverNow());
    return {
      window: asked(span),
      axis: asked(axisOf(window, span)),
      namespace: query.value.ns ?? null,
      service: service() ?? "",
      pods: service() !== null,
      timeline: axisDue(`mesh ${written(window)}`),
    };
  });
  const answer = polled?.answer.value ?? null;
  useHealth(answer);
  useFiles("mesh", () => answer && answer.mesh.lines.map((line) => ({ ...line })), () =>
    href(path.value, { ...query.value, w: answer ? written({ live: false, ...answered(answer.mesh.window) }) : null }),
  );
  useEffect(() => {
    if (answer?.timeline) timeline.value = answer.timeline;
  }, [answer?.timeline]);
  useEffect(
    () => bind([{ keys: ["Escape"], does: "close", run: () => query.value.line !== undefined && (set({ line: null }), true) }]),
    [],
  );
  return (
    <Whole polled={polled} what="the mesh">
      {answer ? <Answered answer={answer} /> : null}
    </Whole>
  );
}
