/** The picture as one SVG that stands alone: every colour and size written into it, no stylesheet, no script. */

const SPACE = "http://www.w3.org/2000/svg";
const LAYERS = ["ground", "healthy", "boxes", "bad", "names", "words"] as const;
const WRITTEN = [
  "fill", "fill-opacity", "stroke", "stroke-opacity", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin",
  "paint-order", "opacity", "font-size", "font-weight", "text-anchor",
] as const; // prettier-ignore
const KEPT = ["d", "x", "y", "cx", "cy", "r", "rx", "width", "height", "transform", "text-anchor"] as const;
const FONT = "Inter, system-ui, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif";
const MARGIN = 24;
/** Only for a pointer, or only while something moves or is looked at. */
const LEFT_OUT = ".hit, .flow, .afar, .ring, .hotlabel";

/** Of the topology on screen; null when there is none. */
export function pictureSvg(under: ParentNode, title: string): SVGSVGElement | null {
  const world = under.querySelector<HTMLElement>(".world");
  const first = world?.querySelector<SVGSVGElement>(".layer.ground");
  if (!world || !first) return null;
  const { x, y, width, height } = first.viewBox.baseVal;
  const svg = document.createElementNS(SPACE, "svg");
  svg.setAttribute("xmlns", SPACE);
  svg.setAttribute("viewBox", `${x - MARGIN} ${y - MARGIN} ${width + 2 * MARGIN} ${height + 2 * MARGIN}`);
  svg.setAttribute("width", String(Math.ceil(width + 2 * MARGIN)));
  svg.setAttribute("height", String(Math.ceil(height + 2 * MARGIN)));
  svg.setAttribute("font-family", FONT);
  const name = document.createElementNS(SPACE, "title");
  name.textContent = title;
  svg.append(name, ground(x - MARGIN, y - MARGIN, width + 2 * MARGIN, height + 2 * MARGIN));
  for (const layer of LAYERS) {
    const from = world.querySelector(`.layer.${layer}`);
    if (!from) continue;
    const group = document.createElementNS(SPACE, "g");
    for (const child of from.children) copy(child, group);
    svg.append(group);
  }
  return svg;
}

function ground(x: number, y: number, width: number, height: number): SVGRectElement {
  const rect = document.createElementNS(SPACE, "rect");
  for (const [key, value] of Object.entries({ x, y, width, height })) rect.setAttribute(key, String(value));
  rect.setAttribute("fill", getComputedStyle(document.documentElement).getPropertyValue("--bg").trim());
  return rect;
}

function copy(from: Element, to: Element): void {
  if (from.matches(LEFT_OUT)) return;
  const style = getComputedStyle(from);
  if (style.display === "none") return;
  const made = document.createElementNS(SPACE, from.tagName);
  for (const key of KEPT) {
    const value = from.getAttribute(key);
    if (value !== null) made.setAttribute(key, value);
  }
  if (from.tagName === "g") {
    // Chips and cards are moved by style, so that the move can be gradual.
    const moved = from instanceof SVGElement ? from.style.transform.replaceAll("px", "") : "";
    if (moved) made.setAttribute("transform", moved);
    if (style.opacity !== "1") made.setAttribute("opacity", style.opacity);
  } else if (from.tagName !== "title") for (const key of WRITTEN) write(made, key, style.getPropertyValue(key));
  for (const child of from.childNodes) {
    if (child instanceof Element) copy(child, made);
    else if (child instanceof Text) made.append(child.data);
  }
  to.append(made);
}

const USUAL: Record<string, string> = {
  "fill-opacity": "1", "stroke-opacity": "1", "stroke-dasharray": "none", "stroke-linecap": "butt", "stroke-linejoin": "miter",
  "paint-order": "normal", opacity: "1", stroke: "none", "text-anchor": "start", "font-weight": "400",
}; // prettier-ignore

function write(made: Element, key: string, value: string): void {
  const text = /^(font|text-anchor|paint)/.test(key);
  if (value === "" || value === USUAL[key] || (text && !/^(text|tspan)$/.test(made.tagName))) return;
  if (key.startsWith("stroke-") && (made.getAttribute("stroke") ?? "none") === "none") return;
  made.setAttribute(key, value);
}

/** The text of a file. */
export function svgText(svg: SVGSVGElement): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(svg)}\n`;
}

/** The same as pixels, twice as fine as the screen's. */
export async function png(svg: SVGSVGElement, times = 2): Promise<Blob> {
  const url = URL.createObjectURL(new Blob([svgText(svg)], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = Number(svg.getAttribute("width")) * times;
    canvas.height = Number(svg.getAttribute("height")) * times;
    canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) => {
      canvas.toBlob((blob) => {
        if (blob) resolve(blob);
        else reject(new Error("this browser cannot draw a picture of that size"));
      }, "image/png");
    });
  } finally {
    URL.revokeObjectURL(url);
  }
}
