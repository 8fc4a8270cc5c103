/* A task at work: how far it is, what is traced, how it started, and what can be done. */
import type { TaskRow } from "../generated/questions";
import { href } from "../frame/address";
import { Banner } from "../frame/Banner";
import { type AgentSeen, SILENT_SECONDS, health, serverNow, silence } from "../frame/health";
import { mayChange } from "../frame/session";
import { until } from "../find/state";
import { clock, count, many, span } from "../words/numbers";
import { extend, stop, useBusy } from "./change";
import { inWords } from "./rules";

const since = (from: string, to: string | null): number => (to === null ? serverNow() : Date.parse(to) / 1000) - Date.parse(from) / 1000;

function Bar({ task }: { task: TaskRow }) {
  const done = Math.max(0, since(task.createdAt, null));
  const left = until(task.endsAt);
  return (
    <div>
      <progress max={1} value={done / (done + left)} aria-label="How far the task is" />
      <div class="row between second">
        <span>{span(done)} done</span>
        <span>
          {span(left)} left, ends {clock(task.endsAt)}
        </span>
      </div>
    </div>
  );
}

function Steps({ task }: { task: TaskRow }) {
  const traced = task.tracedAt;
  return (
    <ol class="steps">
      <li>
        <i class={traced === null ? "dot off" : "dot"} />
        {traced === null ? "Waiting for the agent" : "Handed to the agent, which traces"}{" "}
        <span class="quiet">{span(since(task.createdAt, traced))}</span>
      </li>
      {traced !== null && task.processes !== null ? (
        <li>
          <i class="dot" />
          {many(task.processes, "process", "processes")} traced on {task.hosts.join(", ")}
        </li>
      ) : null}
    </ol>
  );
}

function silent(task: TaskRow): AgentSeen | undefined {
  return health.value?.agents.find((agent) => task.hosts.includes(agent.host) && silence(agent) > SILENT_SECONDS);
}

/** What is not as it should be with a running task, as a banner. */
export function TaskBanner({ task }: { task: TaskRow }) {
  const agent = silent(task);
  if (agent) {
    return (
      <Banner kind="stale">
        {span(until(task.endsAt))} left, agent silent for {span(silence(agent))}: what it saw since then comes when it is
        back, or is marked as a gap.
      </Banner>
    );
  }
  const first = task.notTraced[0];
  if (!first) return null;
  const all = (task.processes ?? 0) + task.notTraced.length;
  const refused = task.notTraced.map((it) => `${it.process} refused (${it.why})`).join("; ");
  return (
    <Banner kind="partial">
      Profiling {task.processes ?? 0} of {many(all, "process", "processes")}: {refused}.
    </Banner>
  );
}

export function Running({ task, changed }: { task: TaskRow; changed: () => void }) {
  const busy = useBusy();
  const extended = task.events.filter((event) => event.kind.toLowerCase() === "extended").length;
  const times = extended === 0 ? "" : extended === 1 ? ", extended once" : `, extended ${extended} times`;
  return (
    <section class="panel" aria-label="Running">
      <header>
        <h2>Running</h2>
        <span class="second">1 task on this pod</span>
      </header>
      <div class="running">
        <div class="row between">
          <span class="row">
            <i class="dot" />
            <b>Profiling since {clock(task.tracedAt ?? task.createdAt)}</b>
            <span class="chip">{task.owner}</span>
            <span class="second">
              {span(task.durationSeconds)}
              {times}
            </span>
          </span>
          <span class="row">
            <a class="button main" href={href(["i", task.instance, "topology"], { w: "live-1m" })}>
              Open topology
            </a>
            {mayChange.value ? (
              <>
                <button type="button" disabled={busy.value} onClick={() => void extend(task, busy).then(changed)}>
                  Extend 10 min
                </button>
                <button type="button" disabled={busy.value} onClick={() => void stop(task, busy).then(changed)}>
                  Stop
                </button>
              </>
            ) : null}
          </span>
        </div>
        <Bar task={task} />
        <dl class="facts">
          <div>
            <dd>{task.processes === null ? "–" : count(task.processes)}</dd>
            <dt>processes traced</dt>
          </div>
          <div>
            <dd>{count(task.rules.length)}</dd>
            <dt>rules</dt>
          </div>
          <div>
            <dd>{count(task.hosts.length)}</dd>
            <dt>hosts</dt>
          </div>
        </dl>
        {task.rules.length > 0 ? <p class="second">Keep {task.rules.map(inWords).join("; or ")}.</p> : null}
        <Steps task={task} />
      </div>
    </section>
  );
}
