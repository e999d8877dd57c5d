import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { heading, look, ORIGIN, PASSWORD, register, visitor } from "./harness";

/** What an app shows at a time, in steps of half a minute from now (RFC 6238). */
function totp(secret: string, step = 0): string {
  let [bits, value] = [0, 0];
  const key: number[] = [];
  for (const letter of secret) {
    value = ((value << 5) | "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter)) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      key.push((value >> bits) & 0xff);
    }
  }
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + step));
  const digest = createHmac("sha1", Buffer.from(key)).update(counter).digest();
  const at = (digest.at(-1) ?? 0) & 15;
  return String((digest.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

test("an account gets a second factor, is asked for it, takes its data along, and is deleted", async () => {
  const page = await visitor();
  await page.goto("/register");
  const email = await register(page);
  await heading(page, "My tickets").waitFor();
  await page.goto("/account");
  await page.getByRole("button", { name: "Set up a second factor" }).click();
  const key = await page.getByText(/^([A-Z2-7]{4} ?){8}$/).textContent();
  const secret = (key ?? "").replaceAll(" ", "");
  await look(page, "account-totp");
  await page.getByLabel("Code", { exact: true }).fill(totp(secret));
  await page.getByRole("button", { name: "Switch it on" }).click();
  await page.getByText("Keep these recovery codes").waitFor();
  const recovery = await page.getByText(/^([0-9a-z]{4}-){3}[0-9a-z]{4}$/).allTextContents();
  expect(recovery).toHaveLength(10);
  await page.getByRole("button", { name: "I have kept them" }).click();
  await page.getByText("Your account has one").waitFor();

  await page.getByRole("button", { name: "Log out", exact: true }).click();
  await page.getByRole("link", { name: "Log in" }).click();
  await page.getByLabel("Email", { exact: true }).fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  // The code that switched it on was good once: the next one is good already.
  await page.getByLabel("Code", { exact: true }).fill(totp(secret, 1));
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await heading(page, "My tickets").waitFor();

  await page.getByRole("link", { name: "Account" }).click();
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download your data" }).click();
  expect((await download).suggestedFilename()).toBe("my-data.zip");
  await page.getByRole("button", { name: "Delete your account…" }).click();
  await page.getByLabel("I understand that nothing of it can be brought back.").check();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Your password").fill(PASSWORD);
  await page.getByRole("button", { name: "Delete for good" }).click();
  await heading(page, /./).waitFor();
  await page.getByRole("link", { name: "Log in" }).waitFor();
});

test("what could hand an account over is asked for once more", async () => {
  const page = await visitor();
  await page.goto("/register");
  await register(page);
  await heading(page, "My tickets").waitFor();
  // A session that has proved nothing lately.
  let old = true;
  await page.route("**/api/auth/me/export*", (route) =>
    old
      ? route.fulfill({
          status: 403,
          contentType: "application/problem+json",
          body: JSON.stringify({ type: "/problems/reauthentication-required", title: "", status: 403 }),
        })
      : route.continue(),
  );
  await page.goto("/account");
  await page.getByRole("button", { name: "Download your data" }).click();
  const dialog = page.getByRole("dialog", { name: "Show that it is you" });
  await dialog.getByLabel("Your password").fill("something else");
  await dialog.getByRole("button", { name: "Go on" }).click();
  await dialog.getByText("The email or the password is wrong").waitFor();
  await look(page, "account-proof");
  old = false;
  await dialog.getByLabel("Your password").fill(PASSWORD);
  const download = page.waitForEvent("download");
  await dialog.getByRole("button", { name: "Go on" }).click();
  await download;
  await dialog.waitFor({ state: "hidden" });
  await page.goto("/confirm-email#token=made-up");
  await page.getByRole("button", { name: "Confirm", exact: true }).click();
  await page.getByText("This link or code is no longer good").waitFor();
  await look(page, "confirm-email");
});

test("a passkey is added, logs in, and is removed", async () => {
  // A platform without an address has passkeys for `localhost`, which an address of numbers cannot have.
  const page = await visitor({ baseURL: ORIGIN.replace("127.0.0.1", "localhost") });
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("WebAuthn.enable");
  await devtools.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  await page.goto("/register");
  await register(page);
  await heading(page, "My tickets").waitFor();
  await page.goto("/account");
  await page.getByLabel("Name of the new passkey").fill("My laptop");
  await page.getByRole("button", { name: "Add a passkey" }).click();
  await page.getByText("My laptop").waitFor();
  await page.getByRole("button", { name: "Log out", exact: true }).click();
  await page.getByRole("link", { name: "Log in" }).click();
  await page.getByRole("button", { name: "Log in with a passkey" }).click();
  await heading(page, "My tickets").waitFor();
  await page.goto("/account");
  await page.getByRole("button", { name: "Remove: My laptop" }).click();
  await page.getByText("My laptop").waitFor({ state: "detached" });
});
