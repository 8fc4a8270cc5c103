/* All processes of an instance. */
import type { Listening, ProcessDetail, WholeTopology } from "../generated/questions";
import { href, query } from "../frame/address";
import { count, shorten, span } from "../words/numbers";
import { ago } from "../find/state";

interface Props {
  topology: WholeTopology;
  processes: ProcessDetail[];
  listeners: Listening[];
}

export function Processes({ topology, processes, listeners }: Props) {
  const listening = (id: string): string =>
    listeners.flatMap((it) => (it.process.id === id ? [it.address] : [])).join(", ");
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
              <td class="mono second low">{listening(process.id)}</td>
              <td class="num">{count(lines(process.id))}</td>
              <td class="num quiet">{span(ago(process.lastSeen))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
