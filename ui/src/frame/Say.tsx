/* Short messages: on screen for some seconds, and read aloud; at most one every ten seconds when nobody asked. */
import { signal } from "@preact/signals";

const said = signal<{ text: string; quiet: boolean } | null>(null);
let timer = 0;
let lastTold = 0;

/** An answer to what the reader just did. */
export function say(text: string): void {
  said.value = { text, quiet: false };
  clearTimeout(timer);
  timer = window.setTimeout(() => (said.value = null), 6000);
}

/** A change that came by itself: for those who listen; on screen it shows anyway. */
export function tell(text: string): void {
  if (Date.now() - lastTold < 10_000) return;
  lastTold = Date.now();
  if (said.value === null || said.value.quiet) said.value = { text, quiet: true };
}

export function Say() {
  const now = said.value;
  return (
    <div class={now !== null && !now.quiet ? "say" : "unseen"} role="status" aria-live="polite">
      {now?.text ?? ""}
    </div>
  );
}
