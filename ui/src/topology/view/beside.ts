/** The thread beside the page's own in which pictures are laid out. */

/** A new one; null where there can be none. */
export function layoutWorker(): Worker | null {
  return new Worker(new URL("../layout/worker.ts", import.meta.url), { type: "module" });
}
