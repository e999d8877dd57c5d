import { i18n } from "@lingui/core";
import { cleanup } from "@testing-library/react";
import { afterEach, vi } from "vitest";

// Texts are their own sources: what is looked for stands in the test as it stands in the code.
i18n.loadAndActivate({ locale: "en", messages: {} });
afterEach(cleanup);
// There is nobody to connect to; who tests that brings its own.
vi.stubGlobal("WebSocket", undefined);
