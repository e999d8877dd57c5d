import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Where pictures are kept. Without it none are taken: they are for people to look at, and a quarter of a visit's time. */
export const FOLDER = process.env.MARQUEE_PICTURES;

/** Begins with an empty folder, and leaves a page of all pictures in it. */
export default function setup() {
  if (!FOLDER) return;
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  return () => {
    const pictures = readdirSync(FOLDER).filter((file) => file.endsWith(".png"));
    const names = [...new Set(pictures.map((file) => file.split("~")[0] ?? file))].sort();
    const figures = (name: string) =>
      pictures
        .filter((file) => file.startsWith(`${name}~`))
        .sort()
        .map((file) => `<a href="${file}"><img src="${file}" alt="${file}" loading="lazy"></a>`)
        .join("");
    const sections = names.map((name) => `<h2>${name}</h2><div>${figures(name)}</div>`).join("");
    writeFileSync(
      join(FOLDER, "index.html"),
      `<!doctype html><meta charset="utf-8"><title>What the web app looks like</title>
<style>body{font:1rem/1.5 system-ui;margin:2rem;background:#ddd}div{display:flex;gap:1rem;flex-wrap:wrap;align-items:start}img{height:24rem;box-shadow:0 1px 6px #0006}</style>
<h1>What the web app looks like</h1>${sections}`,
    );
  };
}
