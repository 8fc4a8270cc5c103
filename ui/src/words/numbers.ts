/* How numbers are written, everywhere on the page: three significant digits, decimal prefixes, `–` for what is not known. */

export const NONE = "–";
const THIN = "\u2009";
const PREFIXES = ["", "k", "M", "G", "T", "P"];

/** Three significant digits without trailing zeros: `38.4`, `107`, `0.07`. */
export function digits(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 100) return String(Math.round(value));
  const places = size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.01 ? 2 : 3;
  return String(Number(value.toFixed(places)));
}

function scaled(value: number, unit: string): string {
  let step = 0;
  let left = value;
  while (Math.abs(left) >= 999.5 && step < PREFIXES.length - 1) {
    left /= 1000;
    step += 1;
  }
  const prefix = PREFIXES[step] ?? "";
  return prefix + unit === "" ? digits(left) : `${digits(left)} ${prefix}${unit}`;
}

/** A count: `7`, `3 102`, `64 210`, `1.2 M`. */
export function count(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  if (!Number.isInteger(value)) return scaled(value, "");
  if (Math.abs(value) >= 1e6) return scaled(value, "");
  return String(value).replace(/\B(?=(\d{3})+$)/g, THIN);
}

/** Per second: `0.07/s`, `214/s`, `1.2 k/s`. */
export function rate(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  return `${scaled(value, "")}/s`;
}

/** `812 B`, `118 kB`, `1.2 GB`. */
export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  return scaled(Math.abs(value) < 999.5 ? Math.round(value) : value, "B");
}

/** `118 kB/s`. */
export function bytesRate(value: number | null | undefined): string {
  return value === null || value === undefined ? NONE : `${bytes(value)}/s`;
}

/** A number of ns: `41 ns`, `14.2 µs`, `1.03 s`, `6 min 48 s`. */
export function time(ns: number | null | undefined): string {
  if (ns === null || ns === undefined) return NONE;
  if (ns < 999.5) return `${digits(ns)} ns`;
  if (ns < 999.5e3) return `${digits(ns / 1e3)} µs`;
  if (ns < 999.5e6) return `${digits(ns / 1e6)} ms`;
  if (ns < 59.995e9) return `${digits(ns / 1e9)} s`;
  return span(ns / 1e9);
}

/** A number of seconds in at most two units: `40 s`, `6 min 48 s`, `3 h`, `2 d 4 h`. */
export function span(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const [big, small, per, rest] =
    whole < 3600 ? ["min", "s", 60, 1] : whole < 86400 ? ["h", "min", 3600, 60] : ["d", "h", 86400, 3600];
  const over = Math.floor((whole % per) / rest);
  return `${Math.floor(whole / per)} ${big}${over > 0 ? ` ${over} ${small}` : ""}`;
}

/** The same in its largest unit, for what is looked at and not reckoned with: `40 s`, `6 min`, `2 d`. */
export function roughly(seconds: number): string {
  return span(seconds).split(" ").slice(0, 2).join(" ");
}

/** 0 to 1: two digits below 1 %, one below 10 %, else none. Less than all never reads as all. */
export function share(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  const percent = value * 100;
  if (value < 1 && percent >= 99) {
    const places = percent >= 99.99 ? 3 : percent >= 99.5 ? 2 : 1;
    return `${(Math.floor(percent * 10 ** places) / 10 ** places).toFixed(places)}${THIN}%`;
  }
  return `${percent.toFixed(percent < 1 ? 2 : percent < 10 ? 1 : 0)}${THIN}%`;
}

/** b against a: `×230`, `−38 %`, `+4 %`. */
export function change(ratio: number | null | undefined): string {
  if (ratio === null || ratio === undefined) return NONE;
  if (ratio >= 2) return `×${digits(ratio)}`;
  const percent = Math.round((ratio - 1) * 100);
  return percent === 0 ? "=" : `${percent > 0 ? "+" : "−"}${Math.abs(percent)}${THIN}%`;
}

const two = (value: number): string => String(value).padStart(2, "0");

function wallClock(when: Date): string {
  return `${two(when.getHours())}:${two(when.getMinutes())}:${two(when.getSeconds())}`;
}

const days = (when: Date): number => new Date(when.getFullYear(), when.getMonth(), when.getDate()).getTime();

/** A moment in local time; with the day when it is not `now`'s: `02:49:31`, `yesterday 16:20:11`. */
export function clock(at: string | number | Date, now: Date = new Date()): string {
  const when = new Date(at);
  const ago = Math.round((days(now) - days(when)) / 86400000);
  if (ago === 0) return wallClock(when);
  if (ago === 1) return `yesterday ${wallClock(when)}`;
  const day = when.toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short" }).replace(",", "");
  const year = when.getFullYear() === now.getFullYear() ? "" : ` ${when.getFullYear()}`;
  return `${day}${year} ${wallClock(when)}`;
}

/** The zone of `clock`, for tooltips. */
export function zoned(at: string | number | Date): string {
  return new Date(at).toString();
}

/** Cut in the middle: ends of names tell more than middles. */
export function shorten(text: string, most: number): string {
  if (text.length <= most) return text;
  const tail = Math.floor((most - 1) / 2);
  return `${text.slice(0, most - 1 - tail)}…${text.slice(text.length - tail)}`;
}

/** `1 line`, `3 lines`. */
export function many(number: number, one: string, more = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : more}`;
}
