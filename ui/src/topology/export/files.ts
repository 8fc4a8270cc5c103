/** What can be taken away of the topology that is open. */

import type { WholeTopology } from "../../generated/questions";
import type { File } from "../../frame/session";
import { csv, json } from "./data";
import { pictureSvg, png, svgText } from "./svg";

/** What files of an instance and a window are called, without their kind. */
export function fileName(data: WholeTopology): string {
  return `${data.instance.name}-${data.window.from.replaceAll(":", "").replace(/\.\d+/, "")}`;
}

/** Without a picture on screen (the table is open) only the data. */
export function topologyFiles(data: WholeTopology): File[] {
  const name = fileName(data);
  const title = `Process topology of ${data.instance.name}, ${data.window.from} to ${data.window.to}`;
  const svg = (): SVGSVGElement => {
    const found = pictureSvg(document, title);
    if (!found) throw new Error("there is no picture on screen");
    return found;
  };
  const pictures: File[] = [
    { name: `${name}.svg`, kind: "image/svg+xml", what: "Picture, SVG", make: () => svgText(svg()) },
    { name: `${name}.png`, kind: "image/png", what: "Picture, PNG", make: () => png(svg()) },
  ];
  const files: File[] = [
    { name: `${name}.json`, kind: "application/json", what: "Data, JSON", make: () => json(data) },
    { name: `${name}.csv`, kind: "text/csv", what: "Lines, CSV", make: () => csv(data) },
  ];
  return document.querySelector(".world") === null ? files : [...pictures, ...files];
}
