import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["node_modules/", "src/generated/", "eslint.config.js"] },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname ?? "." } },
    rules: {
      "max-lines": ["error", 400],
      "max-lines-per-function": ["error", 60],
      "no-restricted-properties": [
        "error",
        { property: "innerHTML", message: "Names are text nodes: a process can be called <script>." },
        { property: "outerHTML", message: "Names are text nodes: a process can be called <script>." },
      ],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
    },
  },
);
