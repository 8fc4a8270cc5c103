/* Tasks that ended, and all tasks of all instances. */
import type { TaskRow, TaskState } from "../generated/questions";
import { href } from "../frame/address";
import { moment } from "../frame/window";
import { ago } from "../find/state";
import { Sign } from "../words/Sign";
import { NONE, clock, many, span, zoned } from "../words/numbers";

export const STATES: Record<TaskState, string> = {
  WAITING: "waiting for the agent",
  RUNNING: "running",
  FINISHED: "finished",
  STOPPED: "stopped",
  REFUSED: "refused",
};

const seconds = (from: string, to: string): number => (Date.parse(to) - Date.parse(from)) / 1000;

function ran(task: TaskRow): string {
  if (task.tracedAt === null) return NONE;
  const done = Math.max(0, task.endedAt === null ? ago(task.tracedAt) : seconds(task.tracedAt, task.endedAt));
  return done + 5 < task.durationSeconds ? `${span(done)} of ${span(task.durationSeconds)}` : span(done);
}

/** The topology of the time in which the task ran. */
export function taskHref(task: TaskRow): string {
  const end = task.endedAt;
  if (end === null) return href(["i", task.instance, "topology"], { w: "live-1m" });
  const start = Math.floor(Date.parse(task.tracedAt ?? task.createdAt) / 1000);
  const length = Math.max(1, Math.floor(Date.parse(end) / 1000) - start);
  return href(["i", task.instance, "topology"], { w: `${moment(start)}+${length}s` });
}

function remark(task: TaskRow): string {
  if (task.state === "REFUSED") return task.events.find((event) => event.kind.toLowerCase() === "refused")?.detail ?? "";
  if (task.notTraced.length > 0) return `${many(task.notTraced.length, "process", "processes")} not traced`;
  if (task.stoppedBy !== null) return `stopped by ${task.stoppedBy}`;
  return task.processes === null ? "" : many(task.processes, "process", "processes");
}

export function TaskTable({ tasks, all = false }: { tasks: TaskRow[]; all?: boolean }) {
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">task</th>
          {all ? <th scope="col">instance</th> : null}
          <th scope="col">started</th>
          <th scope="col">ran</th>
          <th scope="col" class="low">
            by
          </th>
          <th scope="col" class="low">
            rules
          </th>
          <th scope="col" class="low">
            traced
          </th>
        </tr>
      </thead>
      <tbody>
        {tasks.map((task) => (
          <tr key={task.id} aria-label={`${STATES[task.state]}, ${clock(task.createdAt)}`}>
            <td>
              <Sign state={task.state === "REFUSED" || task.tracedAt === null ? "NONE" : "HEALTHY"} quiet />{" "}
              <a class="name" data-row href={taskHref(task)}>
                {STATES[task.state]}
              </a>
            </td>
            {all ? (
              <td>
                <a href={href(["i", task.instance, "profiling"])}>{task.instanceName}</a>{" "}
                <span class="quiet">{task.service}</span>
              </td>
            ) : null}
            <td title={zoned(task.createdAt)}>{clock(task.createdAt)}</td>
            <td>{ran(task)}</td>
            <td class="low">{task.owner}</td>
            <td class="low">{task.rules.length === 0 ? "none" : many(task.rules.length, "rule")}</td>
            <td class="second low">{remark(task)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
