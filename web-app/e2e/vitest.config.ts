import { defineConfig } from "vitest/config";

// One browser at a time: what is seen must not depend on what else is going on.
export default defineConfig({
  root: import.meta.dirname,
  test: {
    include: ["*.test.ts"],
    globalSetup: ["pictures.ts"],
    reporters: ["./reporter.ts"],
    fileParallelism: false,
    expect: { poll: { timeout: 30_000 } },
    testTimeout: 300_000,
    hookTimeout: 60_000,
  },
});
