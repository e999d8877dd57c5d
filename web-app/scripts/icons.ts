// Draws the site's icon, an SVG of the component `web`, as the PNGs that phones want where the app is installed.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { initWasm, Resvg } from "@resvg/resvg-wasm";

const SOURCE = join(import.meta.dirname, "../../components/web/assets/favicon.svg");
/** Of an icon that is cut to any shape a circle is sure to be seen, 80 % as wide as it is: the corners of what is drawn are in it, too. */
const SAFE = 0.75;

/** Names are those of `index.html` and the manifest. */
const ICONS: { file: string; size: number /** Of what is drawn, on a ground without corners. */; scale?: number }[] = [
  { file: "icon-192.png", size: 192 },
  { file: "icon-512.png", size: 512 },
  // iOS rounds the corners itself, and shows what is transparent in black.
  { file: "apple-touch-icon.png", size: 180, scale: 1 },
  { file: "maskable-512.png", size: 512, scale: SAFE },
];

export async function drawIcons(dist: string): Promise<void> {
  const require = createRequire(import.meta.url);
  await initWasm(readFileSync(require.resolve("@resvg/resvg-wasm/index_bg.wasm")));
  const svg = readFileSync(SOURCE, "utf8");
  const [, box, drawing] = /<svg[^>]* viewBox="0 0 (\d+) \1"[^>]*>(.*)<\/svg>/s.exec(svg) ?? [];
  const [, ground] = /<rect[^>]* fill="(#[0-9a-f]{6})"/.exec(svg) ?? [];
  if (!box || !drawing || !ground) throw new Error(`${SOURCE}: no square with a ground of one colour`);
  mkdirSync(join(dist, "icons"), { recursive: true });
  for (const { file, size, scale } of ICONS) {
    const margin = (Number(box) * (1 - (scale ?? 1))) / 2;
    const whole =
      scale === undefined
        ? svg
        : `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${box} ${box}"><rect width="${box}" height="${box}" fill="${ground}"/>` +
          `<g transform="translate(${margin} ${margin}) scale(${scale})">${drawing}</g></svg>`;
    const drawn = new Resvg(whole, { fitTo: { mode: "width", value: size } });
    writeFileSync(join(dist, "icons", file), drawn.render().asPng());
  }
}
