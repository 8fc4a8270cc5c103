/* Who asks, with which token, and what the open view has to give away. */
import { signal } from "@preact/signals";

export const me = signal<{ name: string; role: "READ" | "ADMIN" | "AGENT" } | null>(null);

const KEY = "hopscope.token";
/** Held until the tab closes; sent as a header, so no page of elsewhere can use it. */
export const token = signal<string | null>(typeof sessionStorage !== "undefined" ? sessionStorage.getItem(KEY) : null);
/** Why the server wants one: null as long as it does not. */
export const tokenWanted = signal<string | null>(null);

export function giveToken(text: string): void {
  token.value = text;
  sessionStorage.setItem(KEY, text);
  tokenWanted.value = null;
}

export interface File {
  name: string;
  kind: string;
  what: string;
  make: () => string | Promise<Blob>;
}

/** What can be shared of the view that is open: its absolute address, and files. */
export interface Offered {
  link: () => string;
  files: File[];
}
export const offered = signal<Offered | null>(null);
