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
  test: { include: ["test/**/*.test.ts", "src/**/*.test.ts"] },
});
