/* Which view an address names. */
import { useEffect } from "preact/hooks";
import { Health } from "../generated/questions";
import { health } from "./health";
import { usePoll } from "./usePoll";

export function View({ path }: { path: readonly string[] }) {
  const polled = usePoll(Health, "", () => ({}));
  const answer = polled?.answer.value ?? null;
  useEffect(() => {
    if (answer) health.value = answer;
  }, [answer]);
  return (
    <main id="main" tabIndex={-1}>
      <section class="panel empty">
        <h2>There is nothing at /{path.join("/")}</h2>
        <p>
          <a href="/find">Find</a> knows all that was seen.
        </p>
      </section>
    </main>
  );
}
