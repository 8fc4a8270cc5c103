/* Which view an address names. */
import { Compare } from "../compare/Compare";
import { Find } from "../find/Find";
import { InstanceView } from "../instance/InstanceView";
import { Mesh } from "../mesh/Mesh";
import { Profiling } from "../tasks/Profiling";
import { Tasks } from "../tasks/Tasks";

function Nowhere({ path }: { path: readonly string[] }) {
  return (
    <main id="main" tabIndex={-1}>
      <section class="panel empty">
        <h1>There is nothing at /{path.join("/")}</h1>
        <p>
          <a href="/find">Find</a> knows all that was seen.
        </p>
      </section>
    </main>
  );
}

export function View({ path }: { path: readonly string[] }) {
  const [first, second, third] = path;
  if (first === undefined || first === "find" || (first === "s" && path.length === 3)) return <Find />;
  if (first === "tasks" && second === undefined) return <Tasks />;
  if (first === "mesh") return <Mesh />;
  if (first === "i" && second !== undefined) {
    if (third === "compare") return <Compare key={second} instance={second} />;
    if (third === "profiling") return <Profiling instance={second} />;
    if (third === "topology" || third === "table" || third === "processes") {
      return <InstanceView key={second} instance={second} tab={third} />;
    }
  }
  return <Nowhere path={path} />;
}
