/* The lines that are not healthy, the worst first; each is a link to the line in its topology. */
import type { FindAnswer } from "../generated/questions";
import { href } from "../frame/address";
import { Sign } from "../words/Sign";
import { clock, many, rate, zoned } from "../words/numbers";

type Looks = FindAnswer["needsLook"];

function Look({ look }: { look: Looks["looks"][number] }) {
  const tone = look.state === "FAILING" ? "fail-text" : "slow-text";
  return (
    <tr>
      <td>
        <Sign state={look.state} />{" "}
        <a class="name" data-row data-problem href={href(["i", look.instance, "topology"], { line: look.edge })}>
          {look.client} to {look.server}, {look.label}
        </a>
      </td>
      <td class="second low owner">{look.instanceName}</td>
      <td class={tone}>{look.reasons.join("; ")}</td>
      <td class="num low">{rate(look.rate)}</td>
      <td class="num" title={look.since ? zoned(look.since) : undefined}>
        {look.since ? `since ${clock(look.since)}` : ""}
      </td>
    </tr>
  );
}

/** What was not looked at can be neither healthy nor failing. */
function Unseen({ seen }: { seen: Looks["completeness"] }) {
  const [first, ...more] = seen.filter((host) => host.missing.length > 0);
  if (!first) return null;
  const others = more.length > 0 ? `, and in part on ${many(more.length, "other host")}` : "";
  return (
    <p class="says quiet">
      Seen in part on {first.host}: {first.missing.join("; ")}
      {others}.
    </p>
  );
}

export function NeedsALook({ needs }: { needs: Looks }) {
  const { looks, lines } = needs;
  return (
    <section class="panel" aria-label="Needs a look">
      <header>
        <h2>Needs a look</h2>
        {looks.length > 0 ? (
          <>
            <span class="second">
              {looks.length} of {many(lines, "line")}, worst first
            </span>
            <span class="quiet">everything else is healthy</span>
          </>
        ) : null}
      </header>
      {looks.length === 0 ? (
        <p class="says">
          Nothing needs a look. {lines === 0 ? "No line was seen" : `${many(lines, "line")}, all healthy`} in the last 15 min.
        </p>
      ) : (
        <table>
          <thead class="unseen">
            <tr>
              <th scope="col">line</th>
              <th scope="col">instance</th>
              <th scope="col">why</th>
              <th scope="col">rate</th>
              <th scope="col">since</th>
            </tr>
          </thead>
          <tbody>
            {looks.map((look) => (
              <Look key={look.edge} look={look} />
            ))}
          </tbody>
        </table>
      )}
      <Unseen seen={needs.completeness} />
    </section>
  );
}
