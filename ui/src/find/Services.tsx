/* Tables of services with their instances, and of plain hosts. */
import type { InstanceRow, ServiceRow } from "../generated/questions";
import { go, href } from "../frame/address";
import { type AgentSeen, health } from "../frame/health";
import { mayChange } from "../frame/session";
import { Sign } from "../words/Sign";
import { problem } from "../words/state";
import { NONE, count, many, rate, shorten, span, time, zoned } from "../words/numbers";
import { ago, stateInWords, until } from "./state";

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

const LONGEST = 34;

/** The address of a layer: `mesh-dp` for `MESH_DP`. */
export function slug(layer: string): string {
  return layer.toLowerCase().replaceAll("_", "-");
}

function Figures({ row }: { row: ServiceRow | InstanceRow }) {
  const idle = row.health.lines === 0;
  return (
    <>
      <td class="num">{idle ? NONE : rate(row.health.rate)}</td>
      <td class="num low">{idle ? NONE : time(row.health.p99Ns)}</td>
      <td class="num quiet" title={`last seen ${zoned(row.lastSeen)}`}>
        {span(ago(row.lastSeen))}
      </td>
    </>
  );
}

function Action({ row }: { row: InstanceRow }) {
  const at = href(["i", row.id, "topology"]);
  if (row.task) {
    return (
      <span class="row">
        <span>
          <i class="dot" />
          {span(until(row.task.endsAt))} left
        </span>
        <a class="button main" href={at} aria-label={`Open ${row.name}`}>
          Open
        </a>
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
      </td>
      <td colSpan={2} class="second">
        {many(row.processes, "process", "processes")} <span class="quiet">on {row.host}</span>
      </td>
      <td colSpan={3} class="num">
        <Action row={row} />
      </td>
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
          <td colSpan={6} class="quiet">
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
