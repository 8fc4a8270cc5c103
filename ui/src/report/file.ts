/* The report of an instance: one HTML file, made here from the template that the server has. */
import { ask } from "../api/ask";
import { Report, type WholeTopology } from "../generated/questions";
import type { File } from "../frame/session";
import { fileName } from "../topology/export/files";
import { placed } from "./data";

async function made(topology: WholeTopology): Promise<Blob> {
  const { from, to } = topology.window;
  const [answer, template] = await Promise.all([ask(Report, { window: { from, to } }), fetch("/report.html")]);
  if (!template.ok) throw new Error("this server has no template for reports");
  const ids = new Set(topology.edges.map((line) => line.id));
  const text = placed(await template.text(), {
    version: 1,
    title: `${topology.instance.name}, process topology`,
    made: new Date().toISOString(),
    topology,
    edges: answer.edges.edges.filter((edge) => ids.has(edge.id)),
    metrics: answer.metrics,
    agents: answer.agents,
  });
  return new Blob([text], { type: "text/html" });
}

export function reportFile(topology: WholeTopology): File {
  return {
    name: `${fileName(topology)}.html`,
    kind: "text/html",
    what: "Report, HTML that opens offline",
    make: () => made(topology),
  };
}
