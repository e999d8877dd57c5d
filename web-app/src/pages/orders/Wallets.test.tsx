import { i18n } from "@lingui/core";
import { I18nProvider } from "@lingui/react";
import { fireEvent, render, screen, waitFor } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import { requestFile } from "../../api/fetch";
import { leadTo } from "../../lib/download";
import { WalletButtons } from "./Wallets";

vi.mock("../../api/fetch", () => ({ requestFile: vi.fn() }));
vi.mock("../../lib/download", () => ({ leadTo: vi.fn() }));

const PASS = "/api/bookings/eu_b/tickets/2/pass";
const failed = vi.fn();

function shown(...wallets: ("apple" | "google")[]) {
  render(
    <I18nProvider i18n={i18n}>
      <WalletButtons booking="eu_b" number={2} wallets={wallets} onFailure={failed} />
    </I18nProvider>,
  );
  return screen.queryAllByRole("button").map((button) => button.getAttribute("aria-label"));
}

beforeEach(() => vi.clearAllMocks());

test("only wallets that there are passes for are offered", () => {
  expect(shown("google")).toEqual(["Add ticket 2 to Google Wallet"]);
});

test("a telephone is led to the pass of its wallet", async () => {
  vi.mocked(requestFile).mockResolvedValueOnce(new Blob(["PK"]));
  vi.mocked(requestFile).mockResolvedValueOnce(
    new Blob([JSON.stringify({ google_wallet_url: "https://pay.google.com/x" })]),
  );
  const [apple, google] = shown("apple", "google").map((name) => screen.getByRole("button", { name: name ?? "" }));
  if (apple) fireEvent.click(apple);
  await waitFor(() => expect(leadTo).toHaveBeenLastCalledWith(PASS));
  expect(requestFile).toHaveBeenLastCalledWith(PASS, "application/vnd.apple.pkpass");
  if (google) fireEvent.click(google);
  await waitFor(() => expect(leadTo).toHaveBeenLastCalledWith("https://pay.google.com/x"));
  expect(failed.mock.calls.every(([failure]) => failure === null)).toBe(true);
});

test("what is wrong is said, and nobody is led anywhere", async () => {
  vi.mocked(requestFile).mockRejectedValueOnce({ kind: "network" });
  shown("apple");
  fireEvent.click(screen.getByRole("button"));
  await waitFor(() => expect(failed).toHaveBeenLastCalledWith({ kind: "network" }));
  expect(leadTo).not.toHaveBeenCalled();
});
