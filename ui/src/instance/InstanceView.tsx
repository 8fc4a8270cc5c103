/* An instance: its topology, the table twin, its processes, and the panel of the line or process that is open. */
import { useEffect, useRef } from "preact/hooks";
import { InstanceView as Question, type InstanceViewAnswer, type TaskRow, type WholeTopology } from "../generated/questions";
import { EVERY, type Polled } from "../api/poll";
import { TimeAxis } from "../axis/TimeAxis";
import { go, href, path, query, set } from "../frame/address";
import { ErrorBanner, Skeleton } from "../frame/Banner";
import { bind } from "../frame/keys";
import { useRows } from "../frame/rows";
import { useOffer } from "../frame/useFiles";
import { useHealth } from "../frame/useHealth";
import { usePoll } from "../frame/usePoll";
import { LIVE, answered, written } from "../frame/window";
import type { Seen } from "../line/Behind";
import { LinePanel } from "../line/LinePanel";
import { PeerPanel } from "../process/PeerPanel";
import { ProcessPanel } from "../process/ProcessPanel";
import { Processes } from "../process/Processes";
import { reportFile } from "../report/file";
import { topologyFiles } from "../topology/export/files";
import { LineTable } from "../topology/table/LineTable";
import { warmWorker } from "../topology/view/beside";
import { Banners, type Travel } from "../topology/view/States";
import { Topology } from "../topology/view/Topology";
import { axisOf, lastTraffic, openProcess, setWindow, starting, timeline, variables, windowOf } from "./asked";
import { Gone } from "./Gone";
import { Place } from "./Place";
import "./instance.css";

const PHONE = "(max-width: 760px)";
/** From one question to the next while a task starts, ms. */
const SOON = 400;
const STEPS = { SECOND: "1 s", MINUTE: "1 min", HOUR: "1 h" } as const;
export type Tab = "topology" | "table" | "processes";
type Selected = { kind: "line" | "process"; id: string } | null;

/** The window that is on screen, as an address writes it. */
const shown = { value: "" };

function close(): void {
  if (path.value[2] === "processes") go(href(path.value.slice(0, 3), { w: query.value.w }));
  else set({ line: null, process: null, metric: null });
}

function selected(): Selected {
  const { line } = query.value;
  const process = openProcess();
  return line !== undefined ? { kind: "line", id: line } : process !== null ? { kind: "process", id: process } : null;
}

function select(what: Selected): void {
  if (what === null) close();
  else set({ line: null, process: null, metric: null, [what.kind]: what.id });
}

function useKeys(tab: Tab): void {
  useEffect(() => {
    const does = (key: string, what: string, run: () => void) => ({ keys: [key], does: what, run: () => (run(), true) });
    const tabbed = (to: Tab) => href([...path.value.slice(0, 2), to], query.value);
    const compared = (which: "a" | "b"): void =>
      go(href([...path.value.slice(0, 2), "compare"], { [which]: shown.value }));
    return bind([
      {
        keys: ["Escape"],
        does: "close, clear, up one level",
        run: () => {
          if (selected() === null) return false;
          close();
          return true;
        },
      },
      does("a", "this window is A", () => compared("a")),
      does("b", "this window is B", () => compared("b")),
      does("t", "topology or table", () => go(tabbed(tab === "table" ? "topology" : "table"))),
    ]);
  }, [tab]);
}

/** The single connections, of this line or process and not of the one before. */
function single(answer: InstanceViewAnswer, id: string): Seen {
  if (!windowOf().live) return "over";
  return answer.connections?.id === id ? answer.connections : null;
}

function Panel({ answer }: { answer: InstanceViewAnswer }) {
  const { topology } = answer;
  const line = topology.edges.find((it) => it.id === query.value.line);
  if (line) {
    const edge = answer.edge?.id === line.id ? answer.edge : null;
    const series = answer.edgeSeries ?? null;
    return (
      <LinePanel topology={topology} line={line} edge={edge} series={series} behind={single(answer, line.id)} close={close} />
    );
  }
  const open = openProcess();
  const process = answer.processes?.processes.find((it) => it.id === open);
  if (process) {
    return <ProcessPanel topology={topology} process={process} held={single(answer, process.id)} close={close} />;
  }
  const node = topology.nodes.find((it) => it.id === open);
  if (node && answer.processes) return <PeerPanel topology={topology} node={node} close={close} />;
  if ((query.value.line === undefined && open === null) || (open !== null && !answer.processes)) return null;
  return (
    <aside class="side" aria-label="Nothing">
      <div class="empty">
        <p>
          {query.value.line === undefined ? "This process" : "This line"} is not in this window.{" "}
          <button type="button" class="text" onClick={close}>
            Close
          </button>
        </p>
      </div>
    </aside>
  );
}

/** Where else there is something to see, for a window without a line. */
function travel(answer: InstanceViewAnswer): Travel {
  const last = lastTraffic();
  return {
    last,
    toLast: last === null ? null : () => setWindow({ live: false, start: last / 1000 - 60, seconds: 120 }, false),
    toLive: windowOf().live ? null : () => setWindow(LIVE, false),
    listening: (answer.processes?.processes ?? []).flatMap((it) => it.listeners.map((at) => `${it.name} on ${at.address}`)),
  };
}

/** What has an address that was searched for: a peer, else who is dialed there. */
function nodeAt(topology: WholeTopology, address: string): string | null {
  const node = topology.nodes.find((it) => it.address === address);
  return node?.id ?? topology.edges.find((line) => line.address === address)?.server ?? null;
}

interface Shown {
  answer: InstanceViewAnswer;
  polled: Polled<InstanceViewAnswer>;
  tab: Tab;
}

/** Whether there is a picture, or what stands in its place. */
function drawn(topology: WholeTopology, tab: Tab): boolean {
  return tab !== "processes" && (topology.edges.length === 0 || (tab === "topology" && !matchMedia(PHONE).matches));
}

function Content({ answer, polled, tab }: Shown) {
  const { topology } = answer;
  if (tab === "processes") return <Processes topology={topology} processes={answer.processes?.processes ?? []} />;
  if (!drawn(topology, tab)) {
    const { sort } = query.value;
    return (
      <LineTable data={topology} selected={selected()} onSelect={select} sort={sort ?? null} onSort={(to) => set({ sort: to }, true)} />
    );
  }
  return (
    <Topology
      data={topology}
      trouble={polled.trouble.value}
      at={polled.at.value}
      retry={polled.now}
      selected={selected()}
      onSelect={select}
      show={query.value.show === "problems" ? "problems" : "all"}
      onShow={(show) => set({ show: show === "all" ? null : show })}
      width={query.value.width === "bytes" ? "bytes" : "rate"}
      onWidth={(width) => set({ width: width === "rate" ? null : width })}
      z={query.value.z ?? null}
      onMoved={(z) => set({ z }, true)}
      travel={travel(answer)}
    />
  );
}

function useOffers(topology: WholeTopology | null): void {
  if (topology) shown.value = written({ live: false, ...answered(topology.window) });
  useOffer(
    topology === null ? [] : [...topologyFiles(topology), reportFile(topology)],
    () => href(path.value, { ...query.value, w: shown.value || query.value.w }),
    topology?.window.from ?? "",
  );
}

function Answered({ answer, polled, tab }: Shown) {
  const { topology } = answer;
  const window = windowOf();
  const span = answered(topology.window);
  const { node } = query.value;
  useEffect(() => {
    const found = node === undefined ? null : nodeAt(topology, node);
    if (found !== null) set({ node: null, process: found }, true);
  }, [node, topology]);
  const asked = useRef(false);
  useEffect(() => {
    // What is on screen first has just been answered; who listens is asked for where nothing flows.
    if (asked.current || topology.edges.length === 0) polled.now();
    asked.current = true;
  }, [query.value.w, query.value.line, openProcess(), tab]);
  return (
    <>
      <div class="place">
        <Place instance={topology.instance} />
        {drawn(topology, tab) ? null : (
          <Banners data={topology} trouble={polled.trouble.value} at={polled.at.value} retry={polled.now} />
        )}
      </div>
      <div class="work">
        <main id="main" class={drawn(topology, tab) ? "topology" : tab} tabIndex={-1}>
          <h1 class="unseen">
            {tab} of {topology.instance.name}
          </h1>
          <Content answer={answer} polled={polled} tab={tab} />
        </main>
        <Panel answer={answer} />
      </div>
      <TimeAxis
        window={window}
        span={span}
        axis={axisOf(window, span)}
        timeline={timeline.value}
        step={STEPS[topology.step]}
        setWindow={setWindow}
      />
    </>
  );
}

export function InstanceView({ instance, tab }: { instance: string; tab: Tab }) {
  useRows();
  useKeys(tab);
  useEffect(warmWorker, []);
  const task = useRef<TaskRow | null>(null);
  const idle = useRef(false);
  const polled = usePoll(Question, instance, () => variables(instance, task.current, idle.current), {
    every: () => (starting(task.current) ? SOON : EVERY),
  });
  const answer = polled?.answer.value ?? null;
  task.current = answer?.topology.instance.task ?? null;
  idle.current = answer?.topology.edges.length === 0;
  const trouble = polled?.trouble.value ?? null;
  useHealth(answer);
  useOffers(answer?.topology ?? null);
  useEffect(() => {
    if (answer?.timeline) timeline.value = answer.timeline;
  }, [answer?.timeline]);
  if (answer && polled) return <Answered answer={answer} polled={polled} tab={tab} />;
  if (trouble?.refused && /there is no instance|no instance/.test(trouble.message)) return <Gone what="instance" />;
  return (
    <main id="main" tabIndex={-1} aria-busy={trouble === null}>
      {trouble && polled ? (
        <ErrorBanner trouble={trouble} what="the topology" at={0} now={polled.now} />
      ) : (
        <section class="panel">
          <Skeleton what="the topology" />
        </section>
      )}
    </main>
  );
}
