/* The frame: bars, the view that the address names, and the keys that work everywhere. */
import { useEffect } from "preact/hooks";
import { go, path } from "./address";
import { Export } from "./Export";
import { HealthBar } from "./HealthBar";
import { Help } from "./Help";
import { bind } from "./keys";
import { Say } from "./Say";
import { offered, tokenWanted } from "./session";
import { toggleTheme } from "./theme";
import { TokenForm } from "./TokenForm";
import { TopBar, compareHref, copyLink, exportOpen, helpOpen } from "./TopBar";
import { View } from "./View";

function does(what: () => void): () => boolean {
  return () => {
    what();
    return true;
  };
}

function useKeys(): void {
  useEffect(
    () =>
      bind([
        { keys: ["g f"], does: "Find", run: does(() => go("/find")) },
        { keys: ["g m"], does: "Mesh", run: does(() => go("/mesh")) },
        { keys: ["g t"], does: "Tasks", run: does(() => go("/tasks")) },
        { keys: ["g c"], does: "Compare", run: does(() => go(compareHref())) },
        { keys: ["c"], does: "copy link", run: does(() => void copyLink()) },
        { keys: ["x"], does: "export", run: does(() => (exportOpen.value = offered.value !== null)) },
        { keys: ["d"], does: "dark or light", run: does(toggleTheme) },
        { keys: ["?"], does: "this list", run: does(() => (helpOpen.value = true)) },
      ]),
    [],
  );
}

export function App() {
  useKeys();
  return (
    <>
      <a class="skip" href="#main">
        To the content
      </a>
      <TopBar />
      {tokenWanted.value !== null ? <TokenForm /> : <View path={path.value} />}
      <HealthBar />
      <Say />
      {exportOpen.value && offered.value !== null ? <Export close={() => (exportOpen.value = false)} /> : null}
      {helpOpen.value ? <Help close={() => (helpOpen.value = false)} /> : null}
    </>
  );
}
