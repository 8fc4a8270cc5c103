/** A report is one file: it has no second one for a worker, and its picture is laid out once. */

export function layoutWorker(): Worker | null {
  return null;
}
