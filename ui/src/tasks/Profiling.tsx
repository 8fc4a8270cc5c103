/* Network profiling of an instance: the task that runs, those that ran, and the form of a new one. */
import { useEffect } from "preact/hooks";
import { Profiling as Question, type ProfilingAnswer, type TaskRow } from "../generated/questions";
import { href, path } from "../frame/address";
import { bind } from "../frame/keys";
import { useRows } from "../frame/rows";
import { mayChange } from "../frame/session";
import { useFiles } from "../frame/useFiles";
import { useHealth } from "../frame/useHealth";
import { usePoll } from "../frame/usePoll";
import { Whole } from "../frame/Whole";
import { Place } from "../instance/Place";
import { Gone } from "../instance/Gone";
import { many } from "../words/numbers";
import { stop, useBusy } from "./change";
import { NewTask } from "./NewTask";
import { Running, TaskBanner } from "./Running";
import { TaskTable } from "./TaskTable";
import "./tasks.css";

export const running = (tasks: TaskRow[]): TaskRow | null =>
  tasks.find((task) => task.state === "RUNNING" || task.state === "WAITING") ?? null;

function Past({ tasks, first }: { tasks: TaskRow[]; first: boolean }) {
  return (
    <section class="panel" aria-label="Past">
      <header>
        <h2>Past</h2>
        <span class="second">{many(tasks.length, "task")}</span>
        <span class="quiet">newest first</span>
      </header>
      {tasks.length > 0 ? (
        <TaskTable tasks={tasks} />
      ) : (
        <p class="says">
          {first
            ? "No task has run on this pod. Start one: it costs its own processes a little at each socket call, and nothing elsewhere."
            : "No task ran before this one."}
        </p>
      )}
    </section>
  );
}

function Answered({ answer, now }: { answer: ProfilingAnswer; now: () => void }) {
  const busy = useBusy();
  const task = running(answer.tasks);
  const { instance } = answer;
  useEffect(
    () =>
      bind([
        {
          keys: ["S"],
          does: "stop the task",
          run: () => {
            if (task === null || !mayChange.value) return false;
            void stop(task, busy).then(now);
            return true;
          },
        },
      ]),
    [task?.id],
  );
  if (instance === null) return <Gone what="instance" />;
  const past = answer.tasks.filter((it) => it !== task);
  const wanted = path.value[3];
  const chosen = past.find((it) => it.id === wanted);
  return (
    <>
      <div class="place">
        <Place instance={instance} tasks={answer.tasks.length} />
        {task ? <TaskBanner task={task} /> : null}
      </div>
      <main id="main" class="profiling" tabIndex={-1}>
        <h1 class="unseen">Network profiling of {instance.name}</h1>
        <div class="stack">
          {task ? <Running task={task} changed={now} /> : null}
          <Past first={task === null} tasks={chosen ? [chosen, ...past.filter((it) => it !== chosen)] : past} />
        </div>
        {mayChange.value ? (
          <NewTask instance={instance} running={task} changed={now} />
        ) : (
          <section class="panel empty" aria-label="New task">
            <p>You may look. Ask somebody with the role admin to start a task.</p>
            <p>
              <a href={href(["i", instance.id, "topology"])}>Open the topology</a>
            </p>
          </section>
        )}
      </main>
    </>
  );
}

export function Profiling({ instance }: { instance: string }) {
  useRows();
  const polled = usePoll(Question, instance, () => ({ instance }));
  const answer = polled?.answer.value ?? null;
  useHealth(answer);
  useFiles("tasks", () => answer && answer.tasks.map((task) => ({ ...task })));
  return (
    <Whole polled={polled} what="tasks">
      {answer && polled ? <Answered answer={answer} now={polled.now} /> : null}
    </Whole>
  );
}
