/** Numbers as text: the same digits, units and words on every part of the page. Not known is `–`, never 0. */

export const UNKNOWN = "–";

/** Thin and not broken: between thousands, before %. */
const THIN = "\u202f";
/** Between a figure and its unit. */
const SPACE = "\u00a0";

type Maybe = number | null | undefined;

function known(value: Maybe): value is number {
  return value !== null && value !== undefined && Number.isFinite(value);
}

/** Three significant digits, no zeros at the end; whole numbers below 10 000 in full. */
export function figure(value: number): string {
  const size = Math.abs(value);
  if (size >= 100) return grouped(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

function grouped(whole: number): string {
  return String(whole).replace(/\B(?=(\d{3})+(?!\d))/g, THIN);
}

/** By a thousand: 1.2 k, 64.2 M. */
function scaled(value: number, from: number, units: readonly string[]): string {
  let unit = 0;
  let rest = value;
  while (Math.abs(rest) >= (unit === 0 ? from : 999.5) && unit < units.length - 1) {
    rest /= 1000;
    unit += 1;
  }
  const name = units[unit] ?? "";
  return name ? `${figure(rest)}${SPACE}${name}` : figure(rest);
}

/** Things: in full below 100 000. */
export function count(value: Maybe): string {
  if (!known(value)) return UNKNOWN;
  return value < 100_000 ? grouped(Math.round(value)) : scaled(value, 1000, ["", "k", "M", "G"]);
}

/** Per second. */
export function rate(value: Maybe): string {
  if (!known(value)) return UNKNOWN;
  const text = scaled(value, 999.5, ["", "k", "M", "G"]);
  return `${text}/s`;
}

export function bytes(value: Maybe): string {
  return known(value) ? scaled(value, 999.5, ["B", "kB", "MB", "GB", "TB"]) : UNKNOWN;
}

export function byteRate(value: Maybe): string {
  return known(value) ? `${bytes(value)}/s` : UNKNOWN;
}

const UNITS = [
  ["ns", 1],
  ["µs", 1e3],
  ["ms", 1e6],
  ["s", 1e9],
] as const;

/** From nanoseconds: one unit below a minute, two above. */
export function time(ns: Maybe): string {
  if (!known(ns)) return UNKNOWN;
  const seconds = ns / 1e9;
  if (Math.abs(seconds) >= 59.95) return long(Math.round(seconds));
  let [unit, size] = UNITS[0] as readonly [string, number];
  for (const [name, ofName] of UNITS) if (Math.abs(ns) >= ofName * 0.9995) [unit, size] = [name, ofName];
  return `${figure(ns / size)}${SPACE}${unit}`;
}

/** From seconds. */
export function duration(seconds: Maybe): string {
  return known(seconds) ? time(seconds * 1e9) : UNKNOWN;
}

function long(seconds: number): string {
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  const parts = [
    [days, "d"],
    [hours, "h"],
    [minutes, "min"],
    [seconds % 60, "s"],
  ] as const;
  const first = parts.findIndex(([value]) => value > 0);
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${value}${SPACE}${unit}`)
    .join(" ");
}

/** An average and a percentile; a unit that both have is written once. */
export function pair(averageNs: Maybe, p99Ns: Maybe): string {
  const [average, p99] = [time(averageNs), time(p99Ns)];
  const unit = average.split(SPACE)[1];
  const once = unit !== undefined && p99.endsWith(`${SPACE}${unit}`) && !average.includes(" ");
  return `avg ${once ? (average.split(SPACE)[0] ?? "") : average} · p99 ${p99}`;
}

/** Of a whole, 0 to 1. */
export function share(value: Maybe): string {
  if (!known(value)) return UNKNOWN;
  const percent = value * 100;
  const size = Math.abs(percent);
  const digits = size < 0.995 ? 2 : size < 9.95 ? 1 : 0;
  // 99.97 % of something is not all of it.
  const cut = size > 99 && size < 100 ? Math.floor(size * 100) / 100 : Number(percent.toFixed(digits));
  return `${size > 99 && size < 100 ? cut : cut.toFixed(digits)}${THIN}%`;
}

/** From a to b: ×230, −38 %, +4 %, = below half a percent. */
export function change(a: Maybe, b: Maybe): string {
  if (!known(a) || !known(b)) return known(b) ? "new" : known(a) ? "gone" : UNKNOWN;
  if (a === 0) return b === 0 ? "=" : "new";
  const times = b / a;
  if (times >= 2) return `×${figure(Number(times.toPrecision(2)))}`;
  const percent = Math.round((times - 1) * 100);
  if (percent === 0) return "=";
  return `${percent > 0 ? "+" : "−"}${Math.abs(percent)}${THIN}%`;
}

/** From one share to another, in points. */
export function points(a: Maybe, b: Maybe): string {
  if (!known(a) || !known(b)) return UNKNOWN;
  const off = (b - a) * 100;
  if (Math.abs(off) < 0.005) return "=";
  const size = Math.abs(off);
  return `${off > 0 ? "+" : "−"}${size < 0.995 ? size.toFixed(2) : size < 9.95 ? size.toFixed(1) : size.toFixed(0)}${SPACE}pts`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

function date(at: Date): string {
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** Local time of a moment in Unix ms; with its day when that is not today's. */
export function clock(at: Maybe, now: number): string {
  if (!known(at)) return UNKNOWN;
  const moment = new Date(at);
  const text = `${two(moment.getHours())}:${two(moment.getMinutes())}:${two(moment.getSeconds())}`;
  if (date(moment) === date(new Date(now))) return text;
  return date(moment) === date(new Date(now - 86_400_000)) ? `yesterday ${text}` : `${date(moment)} ${text}`;
}

/** `2 lines`, `1 line`. */
export function many(value: number, one: string, more = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : more}`;
}
