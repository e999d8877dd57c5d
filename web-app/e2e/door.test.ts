import { expect, test } from "vitest";
import { call, codes, event, heading, hold, look, PASSWORD, staff, visitor } from "./harness";

test("a gate lets in by its camera, decides without a network, keeps what it did, and tells the server later", async () => {
  const title = "An Open Door";
  const id = await event({ title, price: 0 });
  const [seen, here, both, later] = (await codes(id, 4)) as [string, string, string, string];
  hold(seen);
  const { token, email } = await staff();
  const page = await visitor();
  await page.goto("/door");
  await page.getByLabel("Email", { exact: true }).fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await heading(page, "Door").waitFor();
  const option = page.getByLabel("Event").locator("option", { hasText: title });
  await page.getByLabel("Event").selectOption(await option.getAttribute("value"));
  await page.getByLabel("Gate").fill("North");
  await look(page, "door-setup");
  await page.getByRole("button", { name: "Open the gate" }).click();
  await heading(page, title).waitFor();
  await page.getByText(/List of .* 4 tickets/).waitFor();

  await page.getByRole("button", { name: "Scan with the camera" }).click();
  await page.getByText("Admitted", { exact: true }).waitFor();
  await look(page, "door-admitted");
  await page.getByRole("button", { name: "Stop the camera" }).click();

  // At another gate somebody comes in while this one has no network.
  const type = async (code: string) => {
    await page.getByLabel("Code", { exact: true }).fill(code);
    await page.keyboard.press("Enter");
  };
  await page.context().setOffline(true);
  await page.getByText("Without a network").waitFor();
  await call("/api/checkin", token, { code: both, gate: "South", event_id: id });
  for (const code of [here, both]) {
    await type(code);
    await page.getByText("Decided by this device").waitFor();
    await type(code);
    await page.getByText("Already admitted").waitFor();
  }
  await look(page, "door-offline");
  await type(`${later.slice(0, -1)}${later.endsWith("0") ? "1" : "0"}`);
  await page.getByText("Not a ticket").waitFor();

  // What was scanned outlives the page.
  await page.route("**/api/checkin/merge", (route) => route.abort());
  await page.context().setOffline(false);
  await page.reload();
  const waiting = page.getByTestId("waiting");
  await expect.poll(() => waiting.textContent()).toBe("2");
  await page.unroute("**/api/checkin/merge");
  await page.getByText("1 person was let in without a network").waitFor();
  await page.getByText(/Let in before at .*, gate South/).waitFor();
  await expect.poll(() => waiting.textContent()).toBe("0");
  await look(page, "door-conflict");

  // A scanner that types, with nothing in focus; and who has no code at all.
  await page.evaluate((code) => {
    (document.activeElement as HTMLElement | null)?.blur();
    for (const key of [...code, "Enter"])
      document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  }, here);
  await page.getByText("Already admitted").waitFor();
  await page.getByText(/, gate North$/).waitFor();
  await page.getByRole("button", { name: "Search by name" }).click();
  await page.getByRole("textbox", { name: "Name" }).fill("nobody");
  await page.getByText("Nobody is called like that.").waitFor();
  await look(page, "door-search");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Count by gate" }).click();
  await page.getByRole("row", { name: "North 2" }).waitFor();
  await page.getByRole("row", { name: "South 1" }).waitFor();
});
