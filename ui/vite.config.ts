import { defineConfig } from "vitest/config";

// Preact by esbuild's own JSX: no plugin, no second compiler.
export default defineConfig({
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    outDir: "../hopscope/server/page",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { "/graphql": "http://127.0.0.1:8080" } },
  // Some lay out hundreds of graphs, on a machine that does other things, too.
  test: { testTimeout: 60_000, include: ["test/**/*.test.ts", "src/**/*.test.ts"] },
});
