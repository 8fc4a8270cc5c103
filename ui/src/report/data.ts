/* What a report carries: everything that it shows. `hopscope profile --html` writes the same. */
import type { CatalogueAnswer, LineDetail, WholeTopology } from "../generated/questions";
import type { AgentSeen } from "../frame/health";

export interface ReportData {
  version: 1;
  title: string;
  /** ISO. */
  made: string;
  topology: WholeTopology;
  edges: LineDetail[];
  metrics: CatalogueAnswer["metrics"];
  agents: AgentSeen[];
}

/** Where the template has a place for the data, and how they stand in it: nothing in them can end a script element. */
export const PLACE = "<!--data-->";

export function placed(template: string, data: ReportData): string {
  const text = JSON.stringify(data).replaceAll("<", "\\u003c");
  const [before, after] = template.split(PLACE);
  if (before === undefined || after === undefined) throw new Error("the template has no place for the data");
  return `${before}<script type="application/json" id="data">${text}</script>${after}`;
}
