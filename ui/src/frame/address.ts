/* The address is the state: a path and a few parameters, read and written here and nowhere else. */
import { computed, signal } from "@preact/signals";

export interface Address {
  path: readonly string[];
  query: Readonly<Record<string, string>>;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** `+` stands for itself: windows are written with it. */
export function parse(pathname: string, search: string): Address {
  const query: Record<string, string> = {};
  for (const part of search.replace(/^\?/, "").split("&")) {
    const [name = "", ...rest] = part.split("=");
    if (name !== "") query[decoded(name)] = decoded(rest.join("="));
  }
  return { path: pathname.split("/").filter((part) => part !== "").map(decoded), query };
}

function encoded(text: string): string {
  return encodeURIComponent(text).replace(/%(3A|2B|2C|3D)/g, decodeURIComponent);
}

/** Parameters that are null or empty are left out. */
export function href(path: readonly string[], query: Readonly<Record<string, string | null | undefined>> = {}): string {
  const parts = Object.entries(query).flatMap(([name, value]) => (value ? [`${encoded(name)}=${encoded(value)}`] : []));
  return `/${path.map(encoded).join("/")}${parts.length > 0 ? `?${parts.join("&")}` : ""}`;
}

const inBrowser = typeof location !== "undefined";
export const address = signal<Address>(inBrowser ? parse(location.pathname, location.search) : { path: [], query: {} });
export const path = computed(() => address.value.path);
export const query = computed(() => address.value.query);

let staying = false;

/** A page that is a file has no other addresses: what is open is kept in it alone. */
export function stay(): void {
  staying = true;
  address.value = { path: [], query: {} };
}

/** Goes there; `replace` leaves no step behind for the way back. */
export function go(to: string, replace = false): void {
  if (staying) {
    const [pathname = "", search = ""] = to.split("?");
    address.value = parse(pathname, search);
    return;
  }
  if (to === location.pathname + location.search) return;
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  address.value = parse(location.pathname, location.search);
}

/** Changes parameters of the address that is open; null takes one away. */
export function set(changes: Record<string, string | null>, replace = false): void {
  go(href(path.value, { ...query.value, ...changes }), replace);
}

/** Back and forward, and plain clicks on links of ours, without loading the page anew. */
export function follow(): void {
  window.addEventListener("popstate", () => {
    address.value = parse(location.pathname, location.search);
  });
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || link.origin !== location.origin || link.target !== "" || link.hasAttribute("download")) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
}
