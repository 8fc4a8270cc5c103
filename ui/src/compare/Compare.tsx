/* Compare: two windows on one topology; places do not move, colour says what became worse and what better. */
import { useEffect, useMemo } from "preact/hooks";
import { CompareView as Question, type CompareViewAnswer } from "../generated/questions";
import type { Polled } from "../api/poll";
import { Band } from "../axis/TimeAxis";
import { go, href, path, query, set } from "../frame/address";
import { ErrorBanner, Skeleton } from "../frame/Banner";
import { serverNow } from "../frame/health";
import { bind } from "../frame/keys";
import { useRows } from "../frame/rows";
import { useFiles } from "../frame/useFiles";
import { useHealth } from "../frame/useHealth";
import { usePoll } from "../frame/usePoll";
import { type Span, asked, written } from "../frame/window";
import { Gone } from "../instance/Gone";
import { axisDue, timeline } from "../instance/asked";
import { Place } from "../instance/Place";
import { Topology } from "../topology/view/Topology";
import type { Change } from "../topology/scene";
import { span as lasting } from "../words/numbers";
import { Changes } from "./Changes";
import { axisWith, pair } from "./windows";
import { difference, figureName, summary } from "./words";
import "../line/line.css";
import "./compare.css";

type Compared = CompareViewAnswer["compare"];

const text = (span: Span): string => written({ live: false, ...span });

/** Until both are in the address, they stay what they were when the view was opened. */
function windows(opened: number): { a: Span; b: Span } {
  return pair(query.value.a, query.value.b, opened);
}

/** The surest change of each line, for the picture. */
function drawn(compared: Compared): ReadonlyMap<string, Change> {
  const made = new Map<string, Change>();
  for (const row of compared.lines) {
    if (made.has(row.edge)) continue;
    const state = row.direction === "WORSE" ? "failing" : row.direction === "BETTER" ? "better" : "healthy";
    const note = row.kind === "CHANGED" ? `${figureName(row.metric)} ${difference(row)}` : difference(row);
    made.set(row.edge, { state, note, gone: row.kind === "GONE" });
  }
  return made;
}

function Tools({ answer, a, b }: { answer: CompareViewAnswer; a: Span; b: Span }) {
  const back = href([...path.value.slice(0, 2), "topology"], { w: text(b) });
  return (
    <div class="row compare-tools">
      <span class="second">{summary(answer.compare.lines)}</span>
      <button type="button" class="right" onClick={() => set({ a: text(b), b: text(a) })}>
        Swap A and B
      </button>
      <a class="button" href={href([...path.value.slice(0, 2), "topology"], { w: text(a) })}>
        Open A
      </a>
      <a class="button" href={back}>
        Open B
      </a>
      <a class="button" href={href([...path.value.slice(0, 2), "topology"])}>
        Leave
      </a>
    </div>
  );
}

function Answered({ answer, polled, a, b }: { answer: CompareViewAnswer; polled: Polled<CompareViewAnswer>; a: Span; b: Span }) {
  const changes = useMemo(() => drawn(answer.compare), [answer.compare]);
  const { line } = query.value;
  return (
    <>
      <div class="place">
        <Place instance={answer.topology.instance} />
        <Tools answer={answer} a={a} b={b} />
      </div>
      <div class="work">
        <main id="main" class="topology" tabIndex={-1}>
          <h1 class="unseen">Compare two windows of {answer.topology.instance.name}</h1>
          <Topology
            data={answer.topology}
            trouble={polled.trouble.value}
            at={polled.at.value}
            retry={polled.now}
            selected={line === undefined ? null : { kind: "line", id: line }}
            onSelect={(what) => set({ line: what?.kind === "line" ? what.id : null }, true)}
            show="all"
            onShow={() => undefined}
            width={query.value.width === "bytes" ? "bytes" : "rate"}
            onWidth={(width) => set({ width: width === "rate" ? null : width }, true)}
            z={query.value.z ?? null}
            onMoved={(z) => set({ z }, true)}
            travel={{ last: null, toLast: null, toLive: null, listening: [] }}
            changes={changes}
          />
        </main>
        <Changes compared={answer.compare} />
      </div>
    </>
  );
}

function Axis({ a, b, opened }: { a: Span; b: Span; opened: number }) {
  const change = (index: number, span: Span, drag: boolean): void => set({ a: text(a), b: text(b), [index === 0 ? "a" : "b"]: text(span) }, drag);
  return (
    <section class="axis" aria-label="Time">
      <span class="quiet">drag A or B</span>
      <Band
        axis={axisWith(a, b, Math.max(opened, serverNow()))}
        windows={[
          { name: "Window A", span: a },
          { name: "Window B", span: b },
        ]}
        timeline={timeline.value}
        change={change}
      />
      <div class="when">
        <b>
          A {lasting(a.seconds)}, B {lasting(b.seconds)}
        </b>
        <span class="second">{lasting(Math.abs(b.start - a.start))} apart</span>
      </div>
    </section>
  );
}

export function Compare({ instance }: { instance: string }) {
  useRows();
  const opened = useMemo(() => Math.floor(serverNow()) - 2, [instance]);
  const { a, b } = windows(opened);
  const key = `${instance} ${text(a)} ${text(b)}`;
  const polled = usePoll(
    Question,
    key,
    () => ({ instance, a: asked(a), b: asked(b), axis: asked(axisWith(a, b, serverNow())), timeline: axisDue(key) }),
    { live: () => false },
  );
  const answer = polled?.answer.value ?? null;
  const trouble = polled?.trouble.value ?? null;
  useHealth(answer);
  useFiles("changes", () => answer && answer.compare.lines.map((row) => ({ ...row })), () =>
    href(path.value, { ...query.value, a: text(a), b: text(b) }),
  );
  useEffect(() => {
    if (answer?.timeline) timeline.value = answer.timeline;
  }, [answer?.timeline]);
  useEffect(
    () =>
      bind([
        {
          keys: ["Escape"],
          does: "leave the comparison",
          run: () => (go(href(["i", instance, "topology"], { w: text(b) })), true),
        },
      ]),
    [instance],
  );
  if (answer === null && trouble?.refused && trouble.message.includes("no instance")) return <Gone what="instance" />;
  return (
    <>
      {answer && polled ? (
        <Answered answer={answer} polled={polled} a={a} b={b} />
      ) : (
        <main id="main" tabIndex={-1}>
          {trouble && polled ? (
            <ErrorBanner trouble={trouble} what="both windows" at={0} now={polled.now} />
          ) : (
            <section class="panel" aria-busy="true">
              <Skeleton what="both windows" />
            </section>
          )}
        </main>
      )}
      <Axis a={a} b={b} opened={opened} />
    </>
  );
}
