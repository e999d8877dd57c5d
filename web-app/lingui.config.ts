import { defineConfig } from "@lingui/cli";
import { formatter } from "@lingui/format-po";

/** Parts whose texts come after the first page. Nothing that comes with it may be drawn by them: a test holds that. */
export const LATER = [
  "checkout",
  "pages/account",
  "pages/answers",
  "pages/checkout",
  "pages/door",
  "pages/guest",
  "pages/orders",
];

export default defineConfig({
  sourceLocale: "en",
  locales: ["en", "de", "si", "ar"],
  catalogs: [
    {
      path: "<rootDir>/src/locales/{locale}",
      include: ["<rootDir>/src"],
      exclude: [
        "**/*.test.*",
        ...[...LATER, "pages/organise", "pages/admin"].map((part) => `<rootDir>/src/${part}/**`),
      ],
    },
    // What the first page does not show comes with the pages that do.
    {
      path: "<rootDir>/src/pages/locales/{locale}",
      include: LATER.map((part) => `<rootDir>/src/${part}`),
      exclude: ["**/*.test.*"],
    },
    // What only organisers read comes with their pages.
    {
      path: "<rootDir>/src/pages/organise/locales/{locale}",
      include: ["<rootDir>/src/pages/organise"],
      exclude: ["**/*.test.*"],
    },
    // And what only admins read with theirs.
    {
      path: "<rootDir>/src/pages/admin/locales/{locale}",
      include: ["<rootDir>/src/pages/admin"],
      exclude: ["**/*.test.*"],
    },
  ],
  // Neither lines nor files: a catalog changes when a text does, and not when code moves.
  format: formatter({ origins: false }),
});
