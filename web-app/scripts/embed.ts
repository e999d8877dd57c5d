// Builds the element for other sites: one file with nothing of the app's own in it but what decides, for it is loaded by pages that are not ours.
import { join } from "node:path";
import { build } from "vite";

/** Its name does not change with its bytes: other sites name it. */
export const EMBED_FILE = "embed.js";

export async function buildEmbed(dist: string): Promise<void> {
  await build({
    root: join(import.meta.dirname, ".."),
    configFile: false,
    publicDir: false,
    logLevel: "warn",
    build: {
      target: "es2022",
      outDir: dist,
      emptyOutDir: false,
      modulePreload: false,
      rollupOptions: {
        input: join(import.meta.dirname, "../src/embed/embed.ts"),
        output: { format: "es", entryFileNames: EMBED_FILE },
      },
    },
  });
}
