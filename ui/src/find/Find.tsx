/* Find: what needs a look, and all services and hosts that were seen. */
import { useRef } from "preact/hooks";
import { Find as Question, type FindAnswer, type ServiceRow } from "../generated/questions";
import { go, href, path, query } from "../frame/address";
import { ErrorBanner, Skeleton } from "../frame/Banner";
import { serverNow } from "../frame/health";
import { useRows } from "../frame/rows";
import { useHealth } from "../frame/useHealth";
import { usePoll } from "../frame/usePoll";
import { asked, at } from "../frame/window";
import { useFiles } from "../frame/useFiles";
import { many } from "../words/numbers";
import { Found } from "./Found";
import { NeedsALook } from "./NeedsALook";
import { type Opened, Services, slug } from "./Services";
import { recentFirst, steady } from "./state";
import "./find.css";

const MESH = [
  { layer: "MESH_DP", name: "Data Plane" },
  { layer: "MESH", name: "Services" },
];

function matching(services: ServiceRow[], layer: string, text: string, keep: string | null): ServiceRow[] {
  const wanted = text.toLowerCase();
  return services.filter(
    (row) => row.layers.includes(layer) && (row.id === keep || row.name.toLowerCase().includes(wanted)),
  );
}

function Tabs(props: { tabs: { layer: string; name: string; rows: ServiceRow[] }[]; chosen: string }) {
  return (
    <div role="tablist" class="choice" aria-label="Layer">
      {props.tabs.map((tab) => (
        <button
          key={tab.layer}
          type="button"
          role="tab"
          aria-selected={tab.layer === props.chosen}
          onClick={() => go(href(["find"], { ...query.value, layer: slug(tab.layer) }), true)}
        >
          {tab.name}
          <span class="quiet" aria-hidden="true">
            {tab.rows.length}
          </span>
        </button>
      ))}
    </div>
  );
}

function Panels({ services, opened, text }: { services: ServiceRow[]; opened: Opened | null; text: string }) {
  const layer = path.value[0] === "s" ? path.value[1] : query.value.layer;
  const keep = opened?.service ?? null;
  const rows = (of: string): ServiceRow[] => matching(services, of, text, keep);
  const mesh = MESH.map((tab) => ({ ...tab, rows: rows(tab.layer) }));
  const first = mesh.find((tab) => tab.rows.length > 0)?.layer ?? "MESH_DP";
  const chosen = mesh.find((tab) => slug(tab.layer) === layer)?.layer ?? first;
  const kubernetes = rows("K8S_SERVICE");
  const hosts = rows("OS_LINUX");
  const nothing = <p class="says quiet">Nothing of this kind {text === "" ? "was seen" : `is called “${text}”`}.</p>;
  return (
    <div class="columns">
      <section class="panel" aria-label="Service Mesh">
        <header>
          <h2>Service Mesh</h2>
          <Tabs tabs={mesh} chosen={chosen} />
          <span class="quiet">recently seen first</span>
        </header>
        {(mesh.find((tab) => tab.layer === chosen)?.rows.length ?? 0) > 0 ? (
          <Services layer={chosen} services={rows(chosen)} opened={opened} />
        ) : (
          nothing
        )}
      </section>
      <div class="stack">
        <section class="panel" aria-label="Kubernetes">
          <header>
            <h2>Kubernetes</h2>
            <Tabs tabs={[{ layer: "K8S_SERVICE", name: "Service", rows: kubernetes }]} chosen="K8S_SERVICE" />
            <span class="quiet">recently seen first</span>
          </header>
          {kubernetes.length > 0 ? <Services layer="K8S_SERVICE" services={kubernetes} opened={opened} /> : nothing}
        </section>
        <section class="panel" aria-label="Hosts">
          <header>
            <h2>Hosts</h2>
            <span class="second">plain Linux, no cluster</span>
            <span class="quiet">recently seen first</span>
          </header>
          {hosts.length > 0 ? <Services layer="OS_LINUX" services={hosts} opened={opened} hosts /> : nothing}
        </section>
      </div>
    </div>
  );
}

function Nobody() {
  return (
    <section class="panel empty">
      <h2>No agent has reported yet.</h2>
      <p>
        Start one with <code>hopscope agent --server {location.hostname}:11800</code>, or try <code>hopscope demo</code>.
      </p>
    </section>
  );
}

function Answered({ answer, opened, text }: { answer: FindAnswer; opened: string | null; text: string }) {
  const order = useRef<string[]>([]);
  const services = steady(recentFirst(answer.services.services), order.current);
  const instances = answer.instances ? recentFirst(answer.instances.instances) : null;
  const sum = (of: "instances" | "processes"): number => services.reduce((all, row) => all + row[of], 0);
  const found = answer.search ?? [];
  const any = services.some((row) => row.name.toLowerCase().includes(text.toLowerCase())) || found.length > 0;
  if (answer.agents.length === 0 && services.length === 0) return <Nobody />;
  return (
    <>
      {text === "" ? <NeedsALook needs={answer.needsLook} /> : null}
      {text !== "" && !any && answer.search ? (
        <section class="panel empty" role="status">
          Nothing is called “{text}”. Searched {many(services.length, "service")}, {many(sum("instances"), "pod")},{" "}
          {many(sum("processes"), "process", "processes")}, addresses of the last 24 h.
        </section>
      ) : null}
      {text !== "" && found.length > 0 ? <Found found={found} services={services} /> : null}
      <Panels services={services} opened={opened === null ? null : { service: opened, instances }} text={text} />
    </>
  );
}

export function Find() {
  useRows();
  const opened = path.value[0] === "s" ? (path.value[2] ?? null) : null;
  const text = (query.value.q ?? "").trim();
  const polled = usePoll(Question, `${opened ?? ""} ${text}`, () => ({
    window: asked(at({ live: true, seconds: 900 }, serverNow())),
    service: opened ?? "",
    open: opened !== null,
    text,
    searching: text !== "",
  }));
  const answer = polled?.answer.value ?? null;
  const trouble = polled?.trouble.value ?? null;
  useHealth(answer);
  useFiles("services", () => answer && answer.services.services.map(({ health, ...row }) => ({ ...row, ...health })));
  return (
    <>
      {trouble && polled ? (
        <div class="place">
          <ErrorBanner trouble={trouble} what="services" at={polled.at.value} now={polled.now} />
        </div>
      ) : null}
      <main id="main" class="find" tabIndex={-1}>
        <h1 class="unseen">Find</h1>
        {answer ? (
          <Answered answer={answer} opened={opened} text={text} />
        ) : (
          <section class="panel" aria-busy={trouble === null}>
            {trouble ? <p class="says">Nothing to show yet.</p> : <Skeleton what="services" />}
          </section>
        )}
      </main>
    </>
  );
}
