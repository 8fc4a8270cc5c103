/** Draws a shape again only when it is another: pictures come from the worker as new objects, most of them the same. */

import { Component, type ComponentChildren, type ComponentType, type FunctionComponent, h } from "preact";

const prints = new WeakMap<object, string>();

function print(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  let text = prints.get(value);
  if (text === undefined) {
    text = JSON.stringify(value);
    prints.set(value, text);
  }
  return text;
}

/** Props have to be plain data. */
export function steady<P extends object>(draw: FunctionComponent<P>): ComponentType<P> {
  return class extends Component<P> {
    override shouldComponentUpdate(next: Readonly<P>): boolean {
      const names = Object.keys(next) as (keyof P)[];
      return names.some((name) => name !== "children" && print(next[name]) !== print(this.props[name as never]));
    }

    override render(): ComponentChildren {
      return h(draw, this.props);
    }
  };
}
