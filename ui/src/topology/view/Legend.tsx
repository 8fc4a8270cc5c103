/** What colour, dash and width of a line mean. */

import type { WidthBy } from "../scene";
import { signPath } from "./shapes";

function Sample({
  state,
  text,
  partial = false,
}: {
  state: "healthy" | "slow" | "failing" | "better";
  text: string;
  partial?: boolean;
}) {
  const signed = state !== "healthy";
  return (
    <span>
      <svg class={`line ${state}${partial ? " partial" : ""}`} width={signed ? 30 : 24} height="12" aria-hidden="true">
        <path class="wire" d={`M1 6h${signed ? 17 : 22}`} stroke-width={partial ? 2 : 3} />
        {signed ? <path class="sign" d={signPath(state, 25, 6)} /> : null}
      </svg>
      {text}
    </span>
  );
}

export function Legend({ width, compared }: { width: WidthBy; compared: boolean }) {
  return (
    <div class="over legend" role="group" aria-label="Legend">
      {compared ? (
        <>
          <Sample state="failing" text="worse" />
          <Sample state="better" text="better" />
          <Sample state="healthy" text="changed in amount only, or not at all" />
        </>
      ) : (
        <>
          <Sample state="healthy" text="healthy" />
          <Sample state="slow" text="slow" />
          <Sample state="failing" text="failing" />
          <Sample state="healthy" text="not all of it seen" partial />
        </>
      )}
      <span>
        <svg class="line" width="40" height="12" aria-hidden="true">
          <path class="wire" d="M1 6h11" stroke-width="1.25" />
          <path class="wire" d="M16 6h9" stroke-width="3" />
          <path class="wire" d="M30 6h8" stroke-width="5.75" />
        </svg>
        {width === "rate" ? "1 · 10 · 1 000 per s" : "1 k · 10 k · 1 M bytes per s"}
      </span>
    </div>
  );
}
