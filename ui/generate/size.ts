/* The page as the wire carries it: fails above the limit. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const PAGE = "../hopscope/server/page";
const MOST = 400_000;

const files = readdirSync(join(PAGE, "assets")).map((name) => join(PAGE, "assets", name));
const size = [join(PAGE, "index.html"), ...files].reduce((sum, file) => sum + gzipSync(readFileSync(file)).length, 0);
if (size > MOST) throw new Error(`the page is ${size} bytes gzipped; at most ${MOST}`);
console.log(`  SIZE     ${(size / 1000).toFixed(1)} kB gzipped of ${MOST / 1000}`);
