import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";

import type { Plugin } from "vite";
import { viteSingleFile } from "vite-plugin-singlefile";
import { defineConfig } from "vitest/config";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Only the script of the report itself may run, and nobody may be asked for anything, whatever a process is called. */
function policy(): Plugin {
  return {
    name: "report-policy",
    enforce: "post",
    generateBundle: {
      order: "post",
      handler(_, bundle) {
        for (const file of Object.values(bundle)) {
          if (file.type !== "asset" || !file.fileName.endsWith(".html")) continue;
          const html = String(file.source);
          const script = /<script type="module"[^>]*>([\s\S]*?)<\/script>/.exec(html)?.[1];
          if (script === undefined) throw new Error("the report has no script of its own");
          const hash = createHash("sha256").update(script).digest("base64");
          const rules = `default-src 'none'; script-src 'sha256-${hash}'; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'`;
          file.source = html.replace(
            "<title>",
            `<meta http-equiv="Content-Security-Policy" content="${rules}" />\n    <title>`,
          );
        }
      },
    },
  };
}

// One file beside the page: the template of reports.
export default defineConfig({
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  plugins: [viteSingleFile({ removeViteModuleLoader: true }), policy()],
  resolve: { alias: [{ find: /^\.\/beside$/, replacement: here("src/report/beside.ts") }] },
  build: {
    outDir: "../hopscope/server/page",
    emptyOutDir: false,
    target: "es2022",
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rollupOptions: { input: here("report.html") },
  },
});
