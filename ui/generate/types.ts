/* Types of every question the page asks, made from the server's schema: `src/queries/*.graphql` in,
   `src/generated/questions.ts` out. A question that the schema does not know is an error here.
   `--check` writes nothing and fails when what is there is stale. */
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLNamedType,
  type GraphQLSchema,
  type GraphQLType,
  Kind,
  type ASTNode,
  type NamedTypeNode,
  type OperationDefinitionNode,
  type SelectionSetNode,
  buildSchema,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  isScalarType,
  NoUnusedFragmentsRule,
  parse,
  print,
  specifiedRules,
  typeFromAST,
  validate,
} from "graphql";

const SCHEMA = "../hopscope/server/query/schema";
const QUERIES = "src/queries";
const OUT = "src/generated/questions.ts";
const SCALARS: Record<string, string> = {
  ID: "string", String: "string", Int: "number", Float: "number", Boolean: "boolean",
  DateTime: "string", Long: "number", JSON: "unknown",
};

function texts(folder: string): string {
  const files = readdirSync(folder).filter((name) => name.endsWith(".graphql"));
  return files.sort().map((name) => readFileSync(join(folder, name), "utf8")).join("\n");
}

function named(type: GraphQLNamedType, used: Set<string>): string {
  if (isScalarType(type)) {
    const known = SCALARS[type.name];
    if (known === undefined) throw new Error(`no TypeScript type for scalar ${type.name}`);
    return known;
  }
  used.add(type.name);
  return type.name;
}

/** `of` gives the text of the innermost type. */
function wrapped(type: GraphQLType, of: string): string {
  if (isNonNullType(type)) return bare(type.ofType, of);
  return `${bare(type, of)} | null`;
}

function bare(type: GraphQLType, of: string): string {
  if (!isListType(type)) return of;
  const inner = wrapped(type.ofType, of);
  return inner.includes("|") || inner.includes("{") ? `(${inner})[]` : `${inner}[]`;
}

class Writer {
  readonly used = new Set<string>();

  constructor(private readonly schema: GraphQLSchema) {}

  selection(parent: GraphQLNamedType, set: SelectionSetNode): string {
    if (!isObjectType(parent)) throw new Error(`${parent.name} has no fields`);
    const fields: string[] = [];
    const spread: string[] = [];
    for (const node of set.selections) {
      if (node.kind === Kind.FRAGMENT_SPREAD) spread.push(node.name.value);
      else if (node.kind === Kind.FIELD) {
        const name = node.name.value;
        if (name === "__typename") continue;
        const field = parent.getFields()[name];
        if (field === undefined) throw new Error(`${parent.name} has no field ${name}`);
        const inner = getNamedType(field.type);
        const of = node.selectionSet ? this.selection(inner, node.selectionSet) : named(inner, this.used);
        const sometimes = node.directives?.some((directive) => directive.name.value === "include") ? "?" : "";
        fields.push(`${node.alias?.value ?? name}${sometimes}: ${wrapped(field.type, of)}`);
      } else throw new Error("inline fragments are not written here; the schema has no unions");
    }
    const own = fields.length > 0 ? `{ ${fields.join("; ")} }` : "";
    return [...spread, own].filter((part) => part !== "").join(" & ");
  }

  variables(operation: OperationDefinitionNode): string {
    const made = (operation.variableDefinitions ?? []).map((node) => {
      const type: GraphQLType | undefined = typeFromAST(this.schema, node.type as NamedTypeNode);
      if (type === undefined) throw new Error(`no type ${print(node.type)}`);
      const text = wrapped(type, named(getNamedType(type), this.used));
      const optional = !isNonNullType(type) || node.defaultValue !== undefined;
      return `${node.variable.name.value}${optional ? "?" : ""}: ${text}`;
    });
    return made.length > 0 ? `{ ${made.join("; ")} }` : "Record<string, never>";
  }

  /** Enumerations and inputs that were named, and what those name. */
  supporting(): string[] {
    const made = new Map<string, string>();
    for (let open = [...this.used]; open.length > 0; open = [...this.used].filter((name) => !made.has(name))) {
      for (const name of open) made.set(name, this.support(name));
    }
    return [...made.keys()].sort().map((name) => made.get(name) ?? "");
  }

  private support(name: string): string {
    const type = this.schema.getType(name);
    if (isEnumType(type)) {
      return `export type ${name} = ${type.getValues().map((value) => `"${value.name}"`).join(" | ")};`;
    }
    if (!isInputObjectType(type)) throw new Error(`${name} has fields, of which none were chosen`);
    const fields = Object.values(type.getFields()).map((field) => {
      const optional = !isNonNullType(field.type) || field.defaultValue !== undefined;
      return `${field.name}${optional ? "?" : ""}: ${wrapped(field.type, named(getNamedType(field.type), this.used))}`;
    });
    return `export interface ${name} { ${fields.join("; ")} }`;
  }
}

function needed(fragments: Map<string, FragmentDefinitionNode>, node: object, found = new Set<string>()): Set<string> {
  JSON.stringify(node, (_, value: unknown) => {
    if (typeof value === "object" && value !== null && "kind" in value && value.kind === "FragmentSpread") {
      const name = (value as unknown as { name: { value: string } }).name.value;
      const fragment = fragments.get(name);
      if (fragment && !found.has(name)) {
        found.add(name);
        needed(fragments, fragment, found);
      }
    }
    return value;
  });
  return found;
}

/** The text on the wire: no more white space than it needs. */
const compact = (node: ASTNode): string => print(node).replace(/\s+/g, " ");

function written(schema: GraphQLSchema, document: DocumentNode): string {
  const writer = new Writer(schema);
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const node of document.definitions) if (node.kind === Kind.FRAGMENT_DEFINITION) fragments.set(node.name.value, node);
  const parts: string[] = [];
  for (const [name, node] of fragments) {
    const type = schema.getType(node.typeCondition.name.value);
    if (type === undefined) throw new Error(`no type ${node.typeCondition.name.value}`);
    parts.push(`export type ${name} = ${writer.selection(type, node.selectionSet)};`);
  }
  for (const node of document.definitions) {
    if (node.kind !== Kind.OPERATION_DEFINITION) continue;
    const name = node.name?.value;
    const root = schema.getRootType(node.operation);
    if (name === undefined || !root) throw new Error("each question needs a name and a root");
    const used = [...needed(fragments, node)].flatMap((fragment) => fragments.get(fragment) ?? []);
    parts.push(
      `export type ${name}Answer = ${writer.selection(root, node.selectionSet)};`,
      `export type ${name}Asked = ${writer.variables(node)};`,
      `export const ${name}: Question<${name}Answer, ${name}Asked> = ` +
        `{ name: "${name}", text: ${JSON.stringify([node, ...used].map(compact).join(" "))} };`,
    );
  }
  const head = '// Made by `npm run types` from the server\'s schema and src/queries. Not edited.\nimport type { Question } from "../api/question";';
  return `${[head, ...writer.supporting(), ...parts].join("\n\n")}\n`;
}

function main(): void {
  const schema = buildSchema(texts(SCHEMA));
  const document = parse(texts(QUERIES));
  // A fragment alone is a type that others build on.
  const rules = specifiedRules.filter((rule) => rule !== NoUnusedFragmentsRule);
  const errors = validate(schema, document, rules);
  if (errors.length > 0) throw new Error(errors.map((error) => error.message).join("\n"));
  const text = written(schema, document);
  if (!process.argv.includes("--check")) writeFileSync(OUT, text);
  else if (readFileSync(OUT, "utf8") !== text) throw new Error(`${OUT} is stale: npm run types`);
}

main();
