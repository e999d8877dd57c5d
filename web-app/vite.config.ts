import { lingui } from "@lingui/vite-plugin";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

/** The platform that `npm run dev` talks to. */
const platform = process.env.MARQUEE_URL ?? "http://127.0.0.1:8080";
/** What the platform answers and the app does not. */
const theirs = [
  "/api",
  "/docs",
  "/problems",
  "/developers",
  "/assets",
  "/.well-known",
  "/favicon.svg",
  "/robots.txt",
  "/embed.js",
  "/icons",
];

export default defineConfig({
  plugins: [react(), lingui({ macroTransform: true, failOnMissing: true, failOnCompileError: true })],
  server: { proxy: Object.fromEntries(theirs.map((path) => [path, platform])) },
  build: {
    target: "es2024",
    // Everything but the page itself has a name made of its bytes, and stands where the component says that it never changes.
    assetsDir: "app",
    // A strict policy refuses data: URLs of fonts and styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: true,
    rollupOptions: {
      output: {
        // What rarely changes stays in caches over releases of ours.
        codeSplitting: { groups: [{ name: "vendor", test: /node_modules\/(?!uqr)/ }] },
      },
    },
  },
  test: {
    environment: "jsdom",
    setupFiles: ["src/test/setup.ts"],
    include: ["src/**/*.test.{ts,tsx}"],
    css: { modules: { classNameStrategy: "non-scoped" } },
  },
});
