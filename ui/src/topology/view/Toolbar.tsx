/** Over the picture: what is shown, what width means, how many there are, fit. */

import { many } from "../../words/numbers";
import type { Counts, WidthBy } from "../scene";

interface Props {
  show: "all" | "problems";
  onShow: (show: "all" | "problems") => void;
  width: WidthBy;
  onWidth: (width: WidthBy) => void;
  counts: Counts;
  fit: () => void;
  compared: boolean;
}

export function Toolbar({ show, onShow, width, onWidth, counts, fit, compared }: Props) {
  const bad = counts.failing + counts.slow;
  const choice = (pressed: boolean, text: string, does: () => void) => (
    <button type="button" aria-pressed={pressed} onClick={does}>
      {text}
    </button>
  );
  return (
    <div class="over tools-over" role="toolbar" aria-label="Topology">
      {compared ? null : (
        <div class="choice" role="group" aria-label="Show">
          {choice(show === "all", "All lines", () => onShow("all"))}
          {choice(show === "problems", `Problems ${bad}`, () => onShow("problems"))}
        </div>
      )}
      <div class="choice" role="group" aria-label="Width by">
        {choice(width === "rate", "per s", () => onWidth("rate"))}
        {choice(width === "bytes", "B/s", () => onWidth("bytes"))}
      </div>
      <span class="counts">{countsOf(counts)}</span>
      <button type="button" class="bare" aria-label="Fit to view" title="Fit to view (0)" onClick={fit}>
        <svg class="icon" width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
          <path d="M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10" />
        </svg>
      </button>
    </div>
  );
}

function countsOf(counts: Counts): string {
  const grouped = counts.groups > 0 && counts.groups < counts.outside ? ` in ${many(counts.groups, "service")}` : "";
  const folded =
    counts.folded > 0 ? ` · ${many(counts.folded, "service is", "services are")} folded into ${counts.into}` : "";
  return `${counts.inside} inside · ${counts.outside} outside${grouped} · ${many(counts.lines, "line")}${folded}`;
}
