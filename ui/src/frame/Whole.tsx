/* A view that is all of its answer: until that is there its skeleton, over it what is wrong with asking. */
import type { ComponentChildren } from "preact";
import type { Polled } from "../api/poll";
import { ErrorBanner, Skeleton } from "./Banner";

interface Props {
  polled: Polled<unknown> | null;
  what: string;
  /** Null: nothing to show yet. */
  children: ComponentChildren;
}

export function Whole({ polled, what, children }: Props) {
  const trouble = polled?.trouble.value ?? null;
  return (
    <>
      {children ?? (
        <main id="main" tabIndex={-1}>
          <section class="panel" aria-busy={trouble === null}>
            {trouble === null ? <Skeleton what={what} /> : <p class="says">Nothing to show yet.</p>}
          </section>
        </main>
      )}
      {trouble && polled ? (
        <div class="place over">
          <ErrorBanner trouble={trouble} what={what} at={polled.at.value} now={polled.now} />
        </div>
      ) : null}
    </>
  );
}
