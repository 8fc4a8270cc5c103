/* What each metric means, in the catalogue's own sentence; asked once, it does not change while a server runs. */
import { signal } from "@preact/signals";
import { ask } from "../api/ask";
import { Catalogue } from "../generated/questions";

const sentences = signal<ReadonlyMap<string, string>>(new Map());
let asked = false;

/** Known already, and nobody to ask. */
export function know(metrics: readonly { name: string; sentence: string }[]): void {
  asked = true;
  sentences.value = new Map(metrics.map((it) => [it.name, it.sentence]));
}

export function sentence(metric: string): string {
  if (!asked) {
    asked = true;
    ask(Catalogue, {}).then(
      (answer) => (sentences.value = new Map(answer.metrics.map((it) => [it.name, it.sentence]))),
      () => (asked = false),
    );
  }
  return sentences.value.get(metric) ?? "…";
}
