/* All tasks of all instances. */
import { Tasks as Question } from "../generated/questions";
import { ErrorBanner, Skeleton } from "../frame/Banner";
import { useRows } from "../frame/rows";
import { useFiles } from "../frame/useFiles";
import { useHealth } from "../frame/useHealth";
import { usePoll } from "../frame/usePoll";
import { many } from "../words/numbers";
import { TaskTable } from "./TaskTable";
import "./tasks.css";

export function Tasks() {
  useRows();
  const polled = usePoll(Question, "", () => ({}));
  const answer = polled?.answer.value ?? null;
  const trouble = polled?.trouble.value ?? null;
  useHealth(answer);
  useFiles("tasks", () => answer && answer.tasks.map((task) => ({ ...task })));
  return (
    <>
      {trouble && polled ? (
        <div class="place">
          <ErrorBanner trouble={trouble} what="tasks" at={polled.at.value} now={polled.now} />
        </div>
      ) : null}
      <main id="main" tabIndex={-1}>
        <section class="panel" aria-label="Tasks" aria-busy={answer === null && trouble === null}>
          <header>
            <h1>Tasks</h1>
            <span class="second">{answer ? many(answer.tasks.length, "task") : ""}</span>
            <span class="quiet">newest first</span>
          </header>
          {answer === null ? (
            trouble === null ? <Skeleton what="tasks" /> : <p class="says">Nothing to show yet.</p>
          ) : answer.tasks.length > 0 ? (
            <TaskTable tasks={answer.tasks} all />
          ) : (
            <p class="says">
              No task has run yet. <a href="/find">Find</a> a pod and profile it.
            </p>
          )}
        </section>
      </main>
    </>
  );
}
