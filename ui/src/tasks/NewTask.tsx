/* The form of a new task: for how long, and which exchanges are kept, in plain language. */
import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Place, TaskRow } from "../generated/questions";
import { go, href } from "../frame/address";
import { Icon } from "../frame/Icon";
import { bind } from "../frame/keys";
import { say } from "../frame/Say";
import { me } from "../frame/session";
import { clock } from "../words/numbers";
import { start, stop, useBusy } from "./change";
import { DURATIONS, type Draft, MOST_RULES, NEW, command, inWords, input, wrong } from "./rules";

function RuleForm(props: { number: number; draft: Draft; change: (draft: Draft) => void; remove: () => void }) {
  const { draft, number } = props;
  const set = (part: Partial<Draft>): void => props.change({ ...draft, ...part });
  return (
    <fieldset class="rule" aria-label={`Rule ${number}`}>
      <div class="row">
        <b>Rule {number}</b>
        <button type="button" class="bare" aria-label={`Remove rule ${number}`} onClick={props.remove}>
          <Icon name="close" />
        </button>
      </div>
      <label>
        <span>path matches</span>
        <input
          class="mono"
          placeholder="any, or for example ^/api/"
          value={draft.path}
          onInput={(event) => set({ path: event.currentTarget.value })}
        />
      </label>
      <label>
        <span>and takes at least</span>
        <span class="row">
          <input
            inputMode="numeric"
            size={6}
            value={draft.minDurationMs}
            onInput={(event) => set({ minDurationMs: event.currentTarget.value })}
          />{" "}
          ms
        </span>
      </label>
      <div class="row">
        <span class="first">or answers</span>
        {(["status4xx", "status5xx"] as const).map((status) => (
          <label key={status} class="check">
            <input
              type="checkbox"
              checked={draft[status]}
              onChange={(event) => set({ [status]: event.currentTarget.checked })}
            />
            {status.slice(-3)}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function Rules({ drafts }: { drafts: Signal<Draft[]> }) {
  const all = drafts.value;
  return (
    <>
      <div class="row">
        <h3>Keep some exchanges whole</h3> <span class="quiet">optional</span>
      </div>
      <p class="second">Rates, times and losses are always counted. A rule says which single requests are worth keeping; it is kept with
        the task and shown. Recording the requests themselves is not supported, because payload is not read.</p>
      {all.map((draft, index) => (
        <RuleForm
          key={index}
          number={index + 1}
          draft={draft}
          change={(changed) => (drafts.value = all.map((it, at) => (at === index ? changed : it)))}
          remove={() => (drafts.value = all.filter((_, at) => at !== index))}
        />
      ))}
      <div class="row">
        <button type="button" disabled={all.length >= MOST_RULES} onClick={() => (drafts.value = [...all, NEW])}>
          <Icon name="plus" /> Add rule
        </button>
        <span class="quiet">
          {all.length} of {MOST_RULES}
        </span>
      </div>
      {all.length > 0 ? (
        <p class="inset" role="status">
          <b>In words:</b> keep{" "}
          {all.map((draft) => inWords({ ...draft, minDurationMs: Number(draft.minDurationMs || 0) })).join("; or ")}.
        </p>
      ) : null}
    </>
  );
}

function Duration({ seconds }: { seconds: Signal<number> }) {
  return (
    <div class="choice" role="radiogroup" aria-label="For how long">
      {DURATIONS.map((duration) => (
        <button
          key={duration.seconds}
          type="button"
          role="radio"
          aria-checked={seconds.value === duration.seconds}
          onClick={() => (seconds.value = duration.seconds)}
        >
          {duration.name}
        </button>
      ))}
    </div>
  );
}

interface Props {
  instance: Place;
  running: TaskRow | null;
  changed: () => void;
}

function Copy({ text }: { text: string }) {
  const copy = (): void => {
    navigator.clipboard.writeText(text).then(
      () => say("Command copied."),
      () => say(text),
    );
  };
  return (
    <button type="button" onClick={copy}>
      Copy as command
    </button>
  );
}

export function NewTask({ instance, running, changed }: Props) {
  const seconds = useSignal(600);
  const drafts = useSignal<Draft[]>([]);
  const why = useSignal("");
  const busy = useBusy();
  const faults = drafts.value.flatMap((draft, index) => wrong(draft, index + 1) ?? []);
  const begin = async (): Promise<void> => {
    if (faults.length > 0 || busy.value) return;
    if (running && !(await stop(running, busy))) return;
    const task = await start(instance.id, seconds.value, drafts.value.map(input), busy, why);
    changed();
    if (task) go(href(["i", instance.id, "topology"], { w: "live-1m" }));
  };
  useEffect(() => bind([{ keys: ["s"], does: "start this task", run: () => (void begin(), true) }]));
  const text = command(instance.name, seconds.value, drafts.value);
  return (
    <section class="panel form" aria-label="New task">
      <header>
        <h2>New task</h2>
        <span class="second">{instance.name}</span>
      </header>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void begin();
        }}
      >
        <h3>For how long</h3>
        <Duration seconds={seconds} />
        <Rules drafts={drafts} />
        {[...faults, ...(why.value === "" ? [] : [why.value])].map((fault) => (
          <p key={fault} class="inset bad" role="alert">
            {fault}
          </p>
        ))}
        {running ? (
          <p class="inset warn">
            {running.owner === me.value?.name ? "You profile" : `${running.owner} profiles`} this pod until{" "}
            {clock(running.endsAt)}. One task at a time.
          </p>
        ) : null}
        <div class="row">
          <button type="submit" class="main" disabled={busy.value || faults.length > 0}>
            {running ? "Stop that task and start this" : "Start"}
          </button>
          <Copy text={text} />
        </div>
        <code class="command">{text}</code>
      </form>
    </section>
  );
}
