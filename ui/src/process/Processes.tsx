/* All processes of an instance. */
import type { ProcessDetail, WholeTopology } from "../generated/questions";
import { href, query } from "../frame/address";
import { count, roughly, shorten } from "../words/numbers";
import { ago } from "../find/state";

interface Props {
  topology: WholeTopology;
  processes: ProcessDetail[];
}

export function Processes({ topology, processes }: Props) {
  const lines = (id: string): number =>
    topology.edges.filter((line) => [line.client, line.server].includes(id)).length;
  return (
    <section class="panel" aria-label="Processes">
      <header>
        <h1>Processes</h1>
        <span class="second">{processes.length} on {topology.instance.host}</span>
      </header>
      <table>
        <thead>
          <tr>
            <th scope="col">process</th>
            <th scope="col">pid</th>
            <th scope="col" class="low">command</th>
            <th scope="col" class="low">listens on</th>
            <th scope="col" class="num">lines</th>
            <th scope="col" class="num">seen</th>
          </tr>
        </thead>
        <tbody>
          {processes.map((process) => (
            <tr key={process.id}>
              <td>
                <a
                  class="name"
                  data-row
                  href={href(["i", topology.instance.id, "processes", process.id], { w: query.value.w })}
                >
                  {process.name}
                </a>
              </td>
              <td class="mono second">
                {process.pids.slice(0, 3).join(", ")}
                {process.pids.length > 3 ? ` +${process.pids.length - 3}` : ""}
              </td>
              <td class="mono quiet low" title={process.commandLine ?? undefined}>
                {shorten(process.commandLine ?? process.executable ?? "", 60)}
              </td>
              <td class="mono second low">{process.listeners.map((it) => it.address).join(", ")}</td>
              <td class="num">{count(lines(process.id))}</td>
              <td class="num quiet">{roughly(ago(process.lastSeen))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
