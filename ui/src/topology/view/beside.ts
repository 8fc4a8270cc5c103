/** The thread beside the page's own in which pictures are laid out. */

let spare: Worker | null = null;

/** Has one loaded while the first answer is still under way. */
export function warmWorker(): void {
  spare ??= started();
}

/** A new one; null where there can be none. */
export function layoutWorker(): Worker | null {
  const found = spare ?? started();
  spare = null;
  return found;
}

function started(): Worker {
  return new Worker(new URL("../layout/worker.ts", import.meta.url), { type: "module" });
}
