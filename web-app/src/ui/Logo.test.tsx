import { fireEvent, render } from "@testing-library/react";
import { expect, test } from "vitest";
import { Logo } from "./Logo";

const logo = { url: "/api/images/local_d-512.png", width: 512, height: 128 };

test("a logo leaves room for itself, and says nothing that the title does not", () => {
  const { container } = render(<Logo logo={logo} />);
  const picture = container.querySelector("img");
  expect([picture?.getAttribute("src"), picture?.width, picture?.height, picture?.alt]).toEqual([
    logo.url,
    512,
    128,
    "",
  ]);
});

test("without one, or where it does not come, there is nothing", () => {
  const { container, rerender } = render(<Logo logo={null} />);
  expect(container.childElementCount).toBe(0);
  rerender(<Logo logo={logo} />);
  const picture = container.querySelector("img");
  if (picture) fireEvent.error(picture);
  expect(picture).not.toBeNull();
  expect(container.childElementCount).toBe(0);
  // Another one may come.
  rerender(<Logo logo={{ ...logo, url: "/api/images/local_e-512.png" }} />);
  expect(container.querySelector("img")).not.toBeNull();
});
