/* Who asks, with which token, and what the open view has to give away. */
import { computed, signal } from "@preact/signals";
import type { HealthBar } from "../generated/questions";

export const me = signal<HealthBar["me"] | null>(null);

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

/** Nobody is let in with what was shown, or one leaves: whoever is next says who asks. */
export function wantToken(why: string): void {
  token.value = null;
  sessionStorage.removeItem(KEY);
  me.value = null;
  tokenWanted.value = why;
}

/** Buttons that change something are only there for who may. */
export const mayChange = computed(() => me.value?.role === "ADMIN");

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
