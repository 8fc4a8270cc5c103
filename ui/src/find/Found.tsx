/* What search found besides services: pods, processes, addresses. */
import type { FindAnswer, ServiceRow } from "../generated/questions";
import { href } from "../frame/address";
import { roughly } from "../words/numbers";
import { slug } from "./Services";
import { ago } from "./state";

type Row = NonNullable<FindAnswer["search"]>[number];

const KINDS: Record<Row["kind"], string> = {
  SERVICE: "service",
  INSTANCE: "pod or host",
  PROCESS: "process",
  ADDRESS: "address",
};

function place(row: Row, services: ServiceRow[]): string | null {
  if (row.kind === "SERVICE") {
    const layer = services.find((service) => service.id === row.id)?.layers[0];
    return layer === undefined ? null : href(["s", slug(layer), row.id]);
  }
  if (row.kind === "INSTANCE") return href(["i", row.id, "topology"]);
  if (row.instance === null) return null;
  return href(["i", row.instance, "topology"], row.kind === "PROCESS" ? { process: row.id } : { node: row.id });
}

/** Whose it is, where the name does not say it. */
function of(row: Row): string | null {
  if (row.instanceName === null || row.kind === "SERVICE" || row.kind === "INSTANCE") return null;
  return row.kind === "PROCESS" ? `in ${row.instanceName}` : `last used by ${row.instanceName}`;
}

export function Found({ found, services }: { found: Row[]; services: ServiceRow[] }) {
  return (
    <section class="panel" aria-label="Found">
      <header>
        <h2>Found</h2>
        <span class="second">services, pods, processes, addresses of the last 24 h</span>
      </header>
      <table>
        <tbody>
          {found.map((row) => {
            const to = place(row, services);
            return (
              <tr key={`${row.kind} ${row.id} ${row.instance ?? ""}`}>
                <td>
                  {to === null ? (
                    row.name
                  ) : (
                    <a class="name" data-row href={to}>
                      {row.name}
                    </a>
                  )}
                </td>
                <td class="second">
                  {KINDS[row.kind]}
                  {of(row) === null ? null : <span class="quiet"> {of(row)}</span>}
                </td>
                <td class="num quiet">{roughly(ago(row.lastSeen))}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}
