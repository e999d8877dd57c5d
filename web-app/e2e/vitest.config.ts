import { defineConfig } from "vitest/config";

// One browser at a time: what is seen must not depend on what else is going on.
export default defineConfig({
  root: import.meta.dirname,
  test: {
    include: ["*.test.ts"],
    globalSetup: ["pictures.ts"],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
