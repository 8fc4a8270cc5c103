/* Keys: one table for what they do here, what `?` shows and what docs/page.md lists. Single keys are off while a field
   has the focus, and can be switched off altogether (WCAG 2.1.4). */
import { signal } from "@preact/signals";

export interface Key {
  /** As `KeyboardEvent.key`, or two of them for a sequence ("g f"). */
  keys: readonly string[];
  does: string;
  /** False: not for this moment, the next one may have it. */
  run?: (event: KeyboardEvent) => boolean;
}

const OFF = "hopscope.keys-off";
export const keysOff = signal(typeof localStorage !== "undefined" && localStorage.getItem(OFF) === "1");

export function switchKeys(off: boolean): void {
  keysOff.value = off;
  localStorage.setItem(OFF, off ? "1" : "0");
}

const held: Key[][] = [];

/** Keys of a view, for as long as it is there; the last that came is asked first. Returns how to take them away. */
export function bind(keys: Key[]): () => void {
  held.unshift(keys);
  return () => {
    const index = held.indexOf(keys);
    if (index >= 0) held.splice(index, 1);
  };
}

/** What is bound now, each once. */
export function bound(): Key[] {
  const seen = new Set<string>();
  return held.flat().filter((key) => {
    const name = key.keys.join("|");
    if (seen.has(name)) return false;
    seen.add(name);
    return true;
  });
}

function typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}

let before = "";
let beforeAt = 0;

function press(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.defaultPrevented) return;
  if (event.key !== "Escape" && (typing(event.target) || keysOff.value)) return;
  const pair = Date.now() - beforeAt < 1500 ? `${before} ${event.key}` : "";
  before = event.key;
  beforeAt = Date.now();
  for (const wanted of [pair, event.key]) {
    if (wanted === "") continue;
    for (const key of held.flat()) {
      if (!key.keys.includes(wanted) || !key.run?.(event)) continue;
      event.preventDefault();
      before = "";
      return;
    }
  }
}

export function listen(): void {
  document.addEventListener("keydown", press);
}
