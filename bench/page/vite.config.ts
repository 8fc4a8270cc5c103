import { fileURLToPath } from "node:url";

const ui = fileURLToPath(new URL("../../ui", import.meta.url));

// The page's own packages: the bench has none.
export default {
  root: fileURLToPath(new URL(".", import.meta.url)),
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  resolve: { alias: [{ find: /^(preact.*|@preact\/signals.*|d3-.*)$/, replacement: `${ui}/node_modules/$1` }] },
  build: { outDir: "../../build/bench-page", emptyOutDir: true, target: "es2022" },
};
