// After the app was built: builds the element for other sites and draws the icons beside it; compresses its files, once and as far as it goes; writes the table that the component `web` takes them in by; and
// holds what the first page loads, and the element, to their budgets.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { buildEmbed, EMBED_FILE } from "./embed.ts";
import { drawIcons } from "./icons.ts";

/** Bytes of script, as gzip, that may come before the first page is there, its texts included. */
const FIRST_PAGE = 150 * 1024;
/** Bytes, as gzip, of the script that other sites load for the element. */
const EMBED = 15 * 1024;

const KINDS: Record<string, string> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".png": "image/png",
  ".webmanifest": "application/manifest+json; charset=utf-8",
};

const dist = join(import.meta.dirname, "..", "dist");
interface Chunk {
  file: string;
  src?: string;
  isEntry?: boolean;
  imports?: string[];
  css?: string[];
}
const manifest = JSON.parse(readFileSync(join(dist, ".vite", "manifest.json"), "utf8")) as Record<string, Chunk>;
rmSync(join(dist, ".vite"), { recursive: true });
mkdirSync(dist, { recursive: true });
await buildEmbed(dist);
await drawIcons(dist);

/** A chunk and what it cannot do without. */
function withImports(name: string, into = new Set<string>()): Set<string> {
  const chunk = manifest[name];
  if (chunk === undefined || into.has(chunk.file)) return into;
  into.add(chunk.file);
  for (const imported of chunk.imports ?? []) withImports(imported, into);
  return into;
}

const entries = Object.keys(manifest).filter((name) => manifest[name]?.isEntry);
// The texts of a part of the app come with that part.
const texts = (folder: string) =>
  Object.keys(manifest).filter((name) => name.startsWith(`src/${folder}/`) && name.endsWith(".po"));
const languages = texts("locales");

// What there is without a network: the page, every language of it and of what is opened from it, and what shows tickets and keeps a door. More comes as it is visited.
const offline = ["orders/Orders", "orders/Order", "door/Door"].map((page) => `src/pages/${page}.tsx`);
const shell = new Set<string>();
for (const name of [...entries, ...languages, ...texts("pages/locales"), ...offline]) {
  if (manifest[name] === undefined) throw new Error(`${name} is none of the app's parts`);
  const files = withImports(name);
  const styles = Object.values(manifest).flatMap((chunk) => (files.has(chunk.file) ? (chunk.css ?? []) : []));
  for (const file of [...files, ...styles]) shell.add(`/${file}`);
}
const kept = JSON.stringify(["/", "/favicon.svg", ...[...shell].sort()]);
const worker = readFileSync(join(import.meta.dirname, "sw.js"), "utf8");
const page = readFileSync(join(dist, "index.html"), "utf8");
const version = createHash("sha256").update(worker).update(page).update(kept).digest("hex").slice(0, 16);
writeFileSync(join(dist, "sw.js"), worker.replace("shell-VERSION", version).replace('["SHELL"]', kept));

const rows: string[] = [];
const sizes = new Map<string, number>();
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  const file = join(entry.parentPath, entry.name);
  if (!entry.isFile()) continue;
  const path = relative(dist, file).split(sep).join("/");
  const kind = KINDS[extname(path)];
  if (kind === undefined)
    throw new Error(`${path}: no media type is known for files of this kind, see scripts/finish.ts`);
  const bytes = readFileSync(file);
  const brotli = brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
  });
  const gzip = gzipSync(bytes, { level: 9 });
  sizes.set(path, gzip.length);
  const codings = ["identity"];
  for (const [coding, ending, small] of [
    ["br", ".br", brotli],
    ["gzip", ".gz", gzip],
  ] as const) {
    if (small.length >= bytes.length) continue;
    writeFileSync(file + ending, small);
    codings.push(coding);
  }
  const digest = createHash("sha256").update(bytes).digest("hex").slice(0, 32);
  rows.push([path, kind, digest, codings.join(",")].join("\t"));
}

const size = (files: Iterable<string>) => [...files].reduce((sum, file) => sum + (sizes.get(file) ?? 0), 0);
const first = new Set(entries.flatMap((name) => [...withImports(name)]));
const largest = Math.max(
  0,
  ...languages.map((name) => size([...withImports(name)].filter((file) => !first.has(file)))),
);
const total = size(first) + largest;
process.stdout.write(
  `first page: ${(total / 1024).toFixed(1)} KiB of script as gzip, of ${FIRST_PAGE / 1024} permitted\n`,
);
if (total > FIRST_PAGE)
  throw new Error(
    "the first page has become too large: fetch what it does not need when it is needed (`page` in src/app/App.tsx)",
  );

const embed = sizes.get(EMBED_FILE) ?? Number.POSITIVE_INFINITY;
process.stdout.write(`${EMBED_FILE}: ${(embed / 1024).toFixed(1)} KiB as gzip, of ${EMBED / 1024} permitted\n`);
if (embed > EMBED) throw new Error("the element for other sites has become too large: see src/embed");

// Last, for it says that all the rest is there.
writeFileSync(join(dist, "table.tsv"), `${rows.sort().join("\n")}\n`);
