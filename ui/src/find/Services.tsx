/* Tables of services with their instances, and of plain hosts. */
import type { InstanceRow, ServiceRow } from "../generated/questions";
import { go, href } from "../frame/address";
import { type AgentSeen, health } from "../frame/health";
import { mayChange } from "../frame/session";
import { Spark } from "../line/Spark";
import { Sign } from "../words/Sign";
import { problem } from "../words/state";
import { NONE, count, many, rate, roughly, shorten, span, time, zoned } from "../words/numbers";
import { ago, sparkTone, stateInWords, trendInWords, until } from "./state";

export interface Opened {
  service: string;
  instances: InstanceRow[] | null;
}

interface Props {
  layer: string;
  services: ServiceRow[];
  opened: Opened | null;
  hosts?: boolean;
}

const agents = (): AgentSeen[] => health.value?.agents ?? [];
const tone = (state: string): string => (state === "FAILING" ? "fail-text" : state === "SLOW" ? "slow-text" : "second");

const COLUMNS = 7;

const LONGEST = 34;

/** The address of a layer: `mesh-dp` for `MESH_DP`. */
export function slug(layer: string): string {
  return layer.toLowerCase().replaceAll("_", "-");
}

/** The last 15 minutes; what the curve shows is said, too. */
function Trend({ row }: { row: ServiceRow | InstanceRow }) {
  const words = trendInWords(row.trend);
  return (
    <td class="trend low" title={words ?? undefined}>
      {words !== null ? (
        <>
          <Spark values={row.trend} tone={sparkTone(row.health.state)} />
          <span class="unseen">{words}</span>
        </>
      ) : (
        NONE
      )}
    </td>
  );
}

function Figures({ row }: { row: ServiceRow | InstanceRow }) {
  const idle = row.health.lines === 0;
  return (
    <>
      <td class="num">{idle ? NONE : rate(row.health.rate)}</td>
      <td class="num low">{idle ? NONE : time(row.health.p99Ns)}</td>
      <Trend row={row} />
      <td class="num quiet" title={`last seen ${zoned(row.lastSeen)}`}>
        {roughly(ago(row.lastSeen))}
      </td>
    </>
  );
}

function Action({ row }: { row: InstanceRow }) {
  if (row.task) {
    return (
      <span class="row">
        <a class="button main" href={href(["i", row.id, "topology"])} aria-label={`Open ${row.name}`}>
          Open
        </a>
        <span class="low">
          <i class="dot" />
          {span(until(row.task.endsAt))} left
        </span>
      </span>
    );
  }
  if (!mayChange.value) return null;
  return (
    <a class="button" href={href(["i", row.id, "profiling", "new"])} aria-label={`Profile ${row.name}`}>
      Profile
    </a>
  );
}

function Instance({ row }: { row: InstanceRow }) {
  return (
    <tr class="inner">
      <td>
        <Sign state={row.health.state} />{" "}
        <a data-row data-problem={problem(row.health.state)} href={href(["i", row.id, "topology"])}>
          {row.name}
        </a>
        <div class="quiet">
          {many(row.processes, "process", "processes")} on {row.host}
        </div>
      </td>
      <td colSpan={2}>
        <Action row={row} />
      </td>
      <Figures row={row} />
    </tr>
  );
}

/** Cut in the middle where it is long; read aloud whole. */
function Cut({ name }: { name: string }) {
  if (name.length <= LONGEST) return <>{name}</>;
  return (
    <>
      <span aria-hidden="true">{shorten(name, LONGEST)}</span>
      <span class="unseen">{name}</span>
    </>
  );
}

function Service({ row, props }: { row: ServiceRow; props: Props }) {
  const open = props.opened?.service === row.id;
  const to = open ? href(["find"], { layer: slug(props.layer) }) : href(["s", slug(props.layer), row.id]);
  const words = stateInWords(row.health, row.lastSeen, props.hosts ? row.name : null, agents());
  return (
    <>
      <tr class={open ? "open" : undefined}>
        <td>
          <Sign state={row.health.state} />{" "}
          <a
            class="name"
            data-row
            data-problem={problem(row.health.state)}
            aria-expanded={open}
            title={row.name}
            href={to}
            onClick={(event) => {
              // Opening a row leaves no step behind: back goes to where one came from.
              event.preventDefault();
              go(to, true);
            }}
          >
            <Cut name={row.name} />
          </a>
        </td>
        <td class="num">{count(props.hosts ? row.processes : row.instances)}</td>
        <td class={`cut ${tone(row.health.state)}`} title={row.health.reasons.join("; ") || undefined}>
          {words}
        </td>
        <Figures row={row} />
      </tr>
      {open && props.opened?.instances === null ? (
        <tr class="inner">
          <td colSpan={COLUMNS} class="quiet">
            …
          </td>
        </tr>
      ) : null}
      {open ? props.opened?.instances?.map((instance) => <Instance key={instance.id} row={instance} />) : null}
    </>
  );
}

export function Services(props: Props) {
  return (
    <table class="services">
      <thead>
        <tr>
          <th scope="col">{props.hosts ? "host" : "service"}</th>
          <th scope="col" class="num">
            {props.hosts ? "processes" : "pods"}
          </th>
          <th scope="col">state</th>
          <th scope="col" class="num">
            rate
          </th>
          <th scope="col" class="num low">
            p99
          </th>
          <th scope="col" class="trend low">
            15 min
          </th>
          <th scope="col" class="num">
            seen
          </th>
        </tr>
      </thead>
      <tbody>
        {props.services.map((row) => (
          <Service key={row.id} row={row} props={props} />
        ))}
      </tbody>
    </table>
  );
}
