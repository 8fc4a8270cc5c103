/* Starts, extends and stops tasks; what the server refuses is said in its words. */
import { type Signal, useSignal } from "@preact/signals";
import { Unanswered, ask } from "../api/ask";
import { CreateTask, ExtendTask, type RuleInput, StopTask, type TaskRow } from "../generated/questions";
import { say } from "../frame/Say";
import { me } from "../frame/session";

export type Busy = Signal<boolean>;
export const useBusy = (): Busy => useSignal(false);

const PHONE = "(max-width: 760px)";
const MORE_SECONDS = 600;

async function change<Answer>(busy: Busy, what: Promise<Answer>, failed: string): Promise<Answer | null> {
  busy.value = true;
  try {
    return await what;
  } catch (error) {
    if (!(error instanceof Unanswered)) throw error;
    say(`${failed}: ${error.message}`);
    return null;
  } finally {
    busy.value = false;
  }
}

/** Asks nothing when it is one's own task, except where a finger slips. */
export async function stop(task: Pick<TaskRow, "id" | "owner">, busy: Busy): Promise<boolean> {
  const own = task.owner === me.value?.name;
  const question = own ? "Stop this task?" : `Stop ${task.owner}'s task?`;
  if ((!own || matchMedia(PHONE).matches) && !confirm(question)) return false;
  return (await change(busy, ask(StopTask, { id: task.id }), "Not stopped")) !== null;
}

export async function extend(task: Pick<TaskRow, "id">, busy: Busy): Promise<void> {
  await change(busy, ask(ExtendTask, { id: task.id, seconds: MORE_SECONDS }), "Not extended");
}

/** Null when it was not started; the reason stands in `why`. */
export async function start(
  instance: string,
  durationSeconds: number,
  rules: RuleInput[],
  busy: Busy,
  why: Signal<string>,
): Promise<TaskRow | null> {
  if (matchMedia(PHONE).matches && !confirm("Start this task?")) return null;
  busy.value = true;
  why.value = "";
  try {
    return (await ask(CreateTask, { instance, durationSeconds, rules })).createTask;
  } catch (error) {
    if (!(error instanceof Unanswered)) throw error;
    why.value = `Not started: ${error.message}`;
    return null;
  } finally {
    busy.value = false;
  }
}
