/* `j` `k` and `n` `p`: from row to row, and from problem to problem, in whatever list the view has. */
import { useEffect } from "preact/hooks";
import { bind } from "./keys";

function step(selector: string, by: 1 | -1): boolean {
  const all = [...document.querySelectorAll<HTMLElement>(selector)].filter((it) => it.offsetParent !== null);
  if (all.length === 0) return false;
  const now = all.findIndex((it) => it === document.activeElement || it.contains(document.activeElement));
  const next = now < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, now + by));
  all[next]?.focus();
  return true;
}

/** Rows carry `data-row`, those that are not healthy `data-problem` as well. */
export function useRows(): void {
  useEffect(
    () =>
      bind([
        { keys: ["j", "ArrowDown"], does: "next row or metric", run: () => step("[data-row]", 1) },
        { keys: ["k", "ArrowUp"], does: "previous row or metric", run: () => step("[data-row]", -1) },
        { keys: ["n"], does: "next problem", run: () => step("[data-problem]", 1) },
        { keys: ["p"], does: "previous problem", run: () => step("[data-problem]", -1) },
      ]),
    [],
  );
}
