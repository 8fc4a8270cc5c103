/* Where one is: crumbs, the tabs of an instance, and the task that runs on it. */
import type { Place as Instance } from "../generated/questions";
import { href, path, query } from "../frame/address";
import { mayChange } from "../frame/session";
import { slug } from "../find/Services";
import { until } from "../find/state";
import { extend, stop, useBusy } from "../tasks/change";
import { LAYERS } from "../words/words";
import { span } from "../words/numbers";

type Tab = "topology" | "table" | "processes" | "profiling" | "compare";
const TABS: { tab: Tab; name: string }[] = [
  { tab: "topology", name: "Topology" },
  { tab: "table", name: "Table" },
  { tab: "processes", name: "Processes" },
  { tab: "profiling", name: "Network profiling" },
];

function panel(layer: string): string {
  return layer.startsWith("MESH") ? "Service Mesh" : layer === "OS_LINUX" ? "Hosts" : "Kubernetes";
}

function Crumbs({ instance }: { instance: Instance }) {
  const layer = instance.service.layers[0] ?? "OS_LINUX";
  const at = slug(layer);
  return (
    <nav aria-label="Where" class="crumbs">
      <a href={href(["find"], { layer: at })}>{panel(layer)}</a>
      {layer === "OS_LINUX" ? null : (
        <span class="layer">
          <i aria-hidden="true">›</i>
          <a href={href(["find"], { layer: at })}>{LAYERS[layer] ?? layer}</a>
        </span>
      )}
      <i aria-hidden="true">›</i>
      <a href={href(["s", at, instance.service.id])}>{instance.service.name}</a>
      {instance.name === instance.service.name ? null : (
        <>
          <i aria-hidden="true">›</i>
          <b aria-current="location">{instance.name}</b>
        </>
      )}
    </nav>
  );
}

function Running({ instance }: { instance: Instance }) {
  const busy = useBusy();
  const { task } = instance;
  if (task === null) {
    if (!mayChange.value) return null;
    return (
      <a class="button main" href={href(["i", instance.id, "profiling", "new"])}>
        Profile
      </a>
    );
  }
  return (
    <div class="row task" role="group" aria-label="Task">
      <span>
        <i class="dot" />
        <b>Profiling</b>{" "}
        <span class="second">
          {span(until(task.endsAt))} left · started by {task.owner}
        </span>
      </span>
      {mayChange.value ? (
        <>
          <button type="button" class="low" disabled={busy.value} onClick={() => void extend(task, busy)}>
            Extend 10 min
          </button>
          <button type="button" disabled={busy.value} onClick={() => void stop(task, busy)}>
            Stop
          </button>
        </>
      ) : null}
    </div>
  );
}

export function Place({ instance, tasks }: { instance: Instance; tasks?: number }) {
  const at = path.value[2];
  const { w, show, width } = query.value;
  return (
    <div class="placebar">
      <Crumbs instance={instance} />
      <nav aria-label="Instance" class="tabs">
        {TABS.map(({ tab, name }) => (
          <a
            key={tab}
            aria-current={at === tab || (tab === "topology" && at === "compare") ? "page" : undefined}
            href={href(["i", instance.id, tab], tab === "profiling" ? {} : { w, show, width })}
          >
            {name}
            {tab === "profiling" && (tasks ?? (instance.task ? 1 : 0)) > 0 ? (
              <span class="chip">{tasks ?? 1}</span>
            ) : null}
          </a>
        ))}
      </nav>
      <Running instance={instance} />
    </div>
  );
}
