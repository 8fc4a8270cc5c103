/** The layout beside the page: the page's own thread only applies what comes back. */

import { layout } from "./layout";
import type { Graph } from "./model";

addEventListener("message", (event: MessageEvent<Graph>) => {
  postMessage(layout(event.data));
});
