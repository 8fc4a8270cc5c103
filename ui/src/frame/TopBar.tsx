/* The bar at the top: where one can go, search, who one is, link, export, theme, help. */
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { go, href, path, query } from "./address";
import { Icon, Logo } from "./Icon";
import { bind } from "./keys";
import { theme, toggleTheme } from "./theme";
import { me, offered, token, wantToken } from "./session";
import { say } from "./Say";

export const helpOpen = signal(false);
export const exportOpen = signal(false);

const PLACES = [
  { name: "Find", at: "find", key: "g f" },
  { name: "Mesh", at: "mesh", key: "g m" },
  { name: "Tasks", at: "tasks", key: "g t" },
] as const;

function here(): string {
  const [first, , third] = path.value;
  if (first === "i" && third === "compare") return "compare";
  if (first === "mesh" || first === "tasks") return first;
  return "find";
}

/** Compare is of an instance: the one that is open, else Find is where to choose one. */
export function compareHref(): string {
  const [first, instance] = path.value;
  return first === "i" && instance !== undefined ? href(["i", instance, "compare"]) : href(["find"]);
}

export async function copyLink(): Promise<void> {
  const link = location.origin + (offered.value?.link() ?? location.pathname + location.search);
  try {
    await navigator.clipboard.writeText(link);
    say("Link copied. It shows this window to whoever opens it.");
  } catch {
    // Without TLS, other than on localhost, browsers give no clipboard.
    say(`This browser does not let a page copy: ${link}`);
  }
}

function Search() {
  const field = useRef<HTMLInputElement>(null);
  useEffect(
    () =>
      bind([
        {
          keys: ["/"],
          does: "search",
          run: () => {
            field.current?.focus();
            field.current?.select();
            return true;
          },
        },
      ]),
    [],
  );
  const text = query.value.q ?? "";
  const type = (value: string): void => {
    const layer = path.value[0] === "find" ? (query.value.layer ?? null) : null;
    go(href(["find"], { layer, q: value }), path.value[0] === "find" && text !== "");
  };
  return (
    <form
      role="search"
      class="search"
      onSubmit={(event) => {
        event.preventDefault();
        document.querySelector<HTMLAnchorElement>("main a[data-row]")?.focus();
      }}
    >
      <Icon name="search" />
      <input
        ref={field}
        type="search"
        aria-label="Search services, pods, processes, addresses"
        placeholder="Search services, pods, processes, addresses"
        value={text}
        onInput={(event) => type(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          if (text !== "") type("");
          event.currentTarget.blur();
        }}
      />
      <kbd aria-hidden="true">/</kbd>
    </form>
  );
}

export function TopBar() {
  const at = here();
  const you = me.value;
  return (
    <header class="top">
      <a class="brand" href="/find" aria-label="hopscope">
        <Logo />
        <b>hopscope</b>
      </a>
      <nav aria-label="Main">
        {PLACES.map((place) => (
          <a key={place.at} href={`/${place.at}`} aria-current={at === place.at ? "page" : undefined}>
            {place.name}
          </a>
        ))}
        <a href={compareHref()} aria-current={at === "compare" ? "page" : undefined}>
          Compare
        </a>
      </nav>
      <Search />
      <div class="tools">
        {you ? (
          <span class="chip">
            {you.role === "ADMIN" ? "read and write" : "read only"} · {you.name}
          </span>
        ) : null}
        {token.value !== null ? (
          <button type="button" class="text" onClick={() => wantToken("signed out: this tab has forgotten the token")}>
            Sign out
          </button>
        ) : null}
        <button type="button" class="bare" aria-label="Copy link" title="Copy link (c)" onClick={() => void copyLink()}>
          <Icon name="link" />
        </button>
        <button
          type="button"
          class="bare"
          aria-label="Export"
          title="Export (x)"
          disabled={offered.value === null}
          onClick={() => (exportOpen.value = true)}
        >
          <Icon name="download" />
        </button>
        <button
          type="button"
          class="bare"
          aria-label={theme.value === "dark" ? "Light theme" : "Dark theme"}
          title="Dark or light (d)"
          onClick={toggleTheme}
        >
          <Icon name="theme" />
        </button>
        <button type="button" class="bare" aria-label="Help" title="Keys (?)" onClick={() => (helpOpen.value = true)}>
          <kbd>?</kbd>
        </button>
      </div>
    </header>
  );
}
