/** How wide a text is about, and how a name is cut to fit; without a screen, so the same everywhere. */

const NARROW = new Set("il.:,;'|!()[] ·jtfr-");
const WIDE = new Set("mwMW%@…");

/** How much wider bold letters are. */
export const BOLD = 1.13;

/** In pixels. Set for DejaVu Sans, the widest of the fonts the page falls back to. */
export function textWidth(text: string, size: number): number {
  let em = 0;
  for (const letter of text)
    em += NARROW.has(letter) ? 0.36 : WIDE.has(letter) ? 0.93 : /[A-Z0-9]/.test(letter) ? 0.67 : 0.6;
  return em * size;
}

/** A lesser text that fits: what comes first in it matters most. */
export function cutEnd(text: string, width: number, size: number): string {
  const letters = Array.from(text);
  if (textWidth(text, size) <= width) return text;
  let kept = letters.length - 1;
  while (kept > 1 && textWidth(`${letters.slice(0, kept).join("").trimEnd()}…`, size) > width) kept -= 1;
  return `${letters
    .slice(0, kept)
    .join("")
    .replace(/[ ·]+$/, "")}…`;
}

/** A name that fits: cut in the middle, because names differ at both ends. */
export function cutMiddle(name: string, width: number, size: number): string {
  const letters = Array.from(name);
  if (textWidth(name, size) <= width) return name;
  for (let keep = letters.length - 1; keep > 2; keep -= 1) {
    const tail = Math.floor((keep - 1) / 2);
    const cut = `${letters.slice(0, keep - tail).join("")}…${tail > 0 ? letters.slice(-tail).join("") : ""}`;
    if (textWidth(cut, size) <= width) return cut;
  }
  return `${letters.slice(0, 2).join("")}…`;
}
