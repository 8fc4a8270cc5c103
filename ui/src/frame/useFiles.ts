/* Offers what is on screen as files, for as long as the view is there. */
import { useEffect, useRef } from "preact/hooks";
import { type File, offered } from "./session";

type Cell = string | number | boolean | null | undefined | object;
type Row = Record<string, Cell>;

function cell(value: Cell): string {
  const text = value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** RFC 4180, the columns in the order in which they first occur. */
export function csv(rows: Row[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return [columns.join(","), ...rows.map((row) => columns.map((name) => cell(row[name])).join(","))].join("\r\n") + "\r\n";
}

/** Files and the absolute address of what is on screen; `key` changes when the files would. */
export function useOffer(files: File[], link: () => string, key: string): void {
  const latest = useRef({ files, link });
  latest.current = { files, link };
  useEffect(() => {
    offered.value = { link: () => latest.current.link(), files: latest.current.files };
    return () => (offered.value = null);
  }, [key, files.length]);
}

/** The table that a view shows, as JSON and CSV; null: nothing yet. */
export function useFiles(name: string, rows: () => Row[] | null, link?: () => string): void {
  const latest = useRef(rows);
  latest.current = rows;
  const now = (): Row[] => latest.current() ?? [];
  useOffer(
    [
      { name: `${name}.json`, kind: "application/json", what: "Data, JSON", make: () => JSON.stringify(now(), null, 1) },
      { name: `${name}.csv`, kind: "text/csv", what: "Data, CSV", make: () => csv(now()) },
    ],
    link ?? (() => location.pathname + location.search),
    name,
  );
}
