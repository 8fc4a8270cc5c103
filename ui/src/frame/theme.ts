/* Dark or light: what was chosen here, else what the system prefers. */
import { effect, signal } from "@preact/signals";

export type Theme = "dark" | "light";
const KEY = "hopscope.theme";

function first(): Theme {
  const asked = new URLSearchParams(location.search).get("theme") ?? localStorage.getItem(KEY);
  if (asked === "dark" || asked === "light") return asked;
  return matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
}

export const theme = signal<Theme>("dark");

export function toggleTheme(): void {
  theme.value = theme.value === "dark" ? "light" : "dark";
  localStorage.setItem(KEY, theme.value);
}

export function startTheme(): void {
  theme.value = first();
  effect(() => {
    document.documentElement.dataset.theme = theme.value;
  });
}
