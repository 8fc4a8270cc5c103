import { expect, test } from "vitest";
import type { MeshLineRow } from "../src/generated/questions";
import { CARD, layout, type MeshService } from "../src/mesh/layout";

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
