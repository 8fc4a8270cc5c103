import fc from "fast-check";
import { expect, test } from "vitest";
import type { MeshLineRow } from "../src/generated/questions";
import { CARD } from "../src/mesh/lanes";
import { layout, type MeshPicture, type MeshService } from "../src/mesh/layout";
import { figure, namespaceName } from "../src/mesh/words";

const service = (id: string, layer: number, ordinal: number, namespace = "default"): MeshService => ({
  id, name: id, namespace, layer, ordinal, instances: [id], requests: 1, errors: 0, rate: 1, p99Ns: 1, state: "HEALTHY", reasons: [],
});

const line = (client: string, server: string): MeshLineRow => ({
  id: `${client}>${server}`, client, server, protocol: "http", security: "mtls", label: "HTTP (mTLS)", requests: 1, rate: 1, errors: 0,
  errorShare: 0, byStatus: [], byFlag: [], retries: 0, bytesIn: 0, bytesOut: 0, connections: 0, latency: [], state: "HEALTHY", reasons: [],
  clientSeen: true, serverSeen: true, instances: [],
});

const mesh = {
  services: [service("a", 0, 0), service("b", 1, 0), service("c", 1, 1), service("d", 2, 0), service("e", 0, 0, "shop")],
  lines: [line("a", "b"), line("a", "c"), line("b", "d"), line("d", "a"), line("e", "gone")],
};

test("services stand from left to right and do not cover each other", () => {
  const picture = layout(mesh, () => 80);
  const boxes = picture.services.map((it) => ({ ...it, id: it.service.id }));
  for (const one of boxes)
    for (const other of boxes)
      if (one.id !== other.id)
        expect(Math.abs(one.x - other.x) >= CARD.width || Math.abs(one.y - other.y) >= CARD.height).toBe(true);
  const x = (id: string): number => boxes.find((it) => it.id === id)?.x ?? -1;
  expect(x("a")).toBeLessThan(x("b"));
  expect(x("b")).toBe(x("c"));
  expect(picture.lines.map((it) => it.line.id).sort()).toEqual(["a>b", "a>c", "b>d", "d>a"]);
});

test("the same mesh gives the same picture, and a new service moves no other of its column's head", () => {
  expect(layout(mesh, () => 80)).toEqual(layout({ ...mesh, services: [...mesh.services].reverse() }, () => 80));
  const more = layout({ ...mesh, services: [...mesh.services, service("f", 1, 2)] }, () => 80);
  const y = (of: typeof more, id: string): number => of.services.find((it) => it.service.id === id)?.y ?? -1;
  for (const id of ["a", "b", "c", "d"]) expect(y(more, id)).toBe(y(layout(mesh, () => 80), id));
});

/** Points of a line as it is drawn: `M x y C ...`. */
function points(path: string): [number, number][] {
  const [x, y, ...rest] = path.split(/[MC ]/).filter(Boolean).map(Number);
  const found: [number, number][] = [];
  let at: [number, number] = [x ?? 0, y ?? 0];
  for (let i = 0; i + 5 < rest.length; i += 6) {
    const curve = [...at, ...rest.slice(i, i + 6)];
    const of = (axis: number, t: number): number =>
      [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t ** 3].reduce((all, part, n) => all + part * (curve[2 * n + axis] ?? 0), 0);
    for (let t = 0; t <= 1; t += 0.05) found.push([of(0, t), of(1, t)]);
    at = [curve[6] ?? 0, curve[7] ?? 0];
  }
  return found;
}

/** Lines that are hidden behind a card, or leave the picture, somewhere on their way. */
function hidden(picture: MeshPicture): string[] {
  const inside = ([x, y]: [number, number]): boolean =>
    picture.services.some((card) => x > card.x + 0.1 && x < card.x + CARD.width - 0.1 && y > card.y && y < card.y + CARD.height);
  const outside = ([x, y]: [number, number]): boolean => x < 0 || y < 0 || x > picture.width || y > picture.height;
  return picture.lines.filter(({ path }) => points(path).some((it) => inside(it) || outside(it))).map(({ line: it }) => it.id);
}

const anyMesh = fc
  .array(fc.tuple(fc.nat(4), fc.constantFrom("default", "shop")), { minLength: 2, maxLength: 14 })
  .chain((places) =>
    fc.tuple(
      fc.constant(places),
      fc.array(fc.tuple(fc.nat(places.length - 1), fc.nat(places.length - 1)), { maxLength: 40 }),
      fc.integer({ min: 0, max: 3000 }),
    ),
  );

test("no line passes under a card or out of the picture, whichever way it goes", () => {
  fc.assert(
    fc.property(anyMesh, ([places, pairs, room]) => {
      const services = places.map(([layer, namespace], index) => service(`s${index}`, layer, index, namespace));
      const calls = [...new Set(pairs.map(([a, b]) => `s${a} s${b}`))].map((it) => it.split(" ")).map(([a, b]) => line(a ?? "", b ?? ""));
      expect(hidden(layout({ services, lines: calls }, () => 80, room))).toEqual([]);
    }),
    { numRuns: 200 },
  );
});

test("what proxies pass on unread is told in connections, and never as 0/s", () => {
  const dns = { ...line("a", "dns"), label: "TCP", requests: 0, rate: 0, connections: 30 };
  expect(figure(dns, "rate", 60)).toBe("0.5/s connections");
  expect(figure(dns, "errors", 60)).toBe("0.00\u2009% errors");
  expect(figure({ ...dns, connections: 0 }, "rate", 60)).toBe("0/s");
  expect(figure({ ...dns, connections: 0 }, "errors", 60)).toBe("–");
  expect(figure({ ...line("a", "b"), requests: 600, rate: 10, connections: 4 }, "rate", 60)).toBe("10/s");
});

test("what has no namespace stands under words, too", () => {
  expect(layout({ services: [service("a", 0, 0, "")], lines: [] }, () => 80).bands.map((it) => namespaceName(it.name))).toEqual(["no namespace"]);
  expect(namespaceName("default")).toBe("default");
});
