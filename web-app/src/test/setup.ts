import { i18n } from "@lingui/core";
import { cleanup } from "@testing-library/react";
import { afterEach } from "vitest";

// Texts are their own sources: what is looked for stands in the test as it stands in the code.
i18n.loadAndActivate({ locale: "en", messages: {} });
afterEach(cleanup);
