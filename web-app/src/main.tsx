import { i18n } from "@lingui/core";
import { I18nProvider } from "@lingui/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Provider } from "react-redux";
import { BrowserRouter } from "react-router";
import { App } from "./app/App";
import { followOtherTabs, makeStore } from "./app/store";
import { activate, preferred } from "./i18n";
import { scriptUrl } from "./lib/trusted";
import "./styles/tokens.css";
import "./styles/base.css";

async function start() {
  await activate(preferred());
  const store = makeStore();
  followOtherTabs(store);
  const root = document.getElementById("app");
  if (!root) return;
  createRoot(root).render(
    <StrictMode>
      <I18nProvider i18n={i18n}>
        <Provider store={store}>
          <BrowserRouter>
            <App />
          </BrowserRouter>
        </Provider>
      </I18nProvider>
    </StrictMode>,
  );
}

// Without it everything works but the shell without a network; in development it would hide what was changed.
if (import.meta.env.PROD && "serviceWorker" in navigator)
  window.addEventListener(
    "load",
    () => void navigator.serviceWorker.register(scriptUrl("/sw.js")).catch(() => undefined),
  );

// Not awaited: what waits at the top of a module holds back the page's `load`.
void start();
