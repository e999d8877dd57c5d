import { fireEvent, render } from "@testing-library/react";
import { expect, test } from "vitest";
import { Cover } from "./Cover";

const url = (width: number) => `/api/images/local_d-${width}.jpg`;
const image = {
  url: url(1280),
  width: 1280,
  height: 720,
  sizes: [
    { url: url(480), width: 480, height: 270 },
    { url: url(1280), width: 1280, height: 720 },
  ],
};

test("a card waits with its picture until it is near, and leaves room for it", () => {
  const { container, rerender } = render(<Cover id="local_e" category="music" image={image} />);
  const picture = () => container.querySelector("img");
  expect(picture()?.getAttribute("srcset")).toBe(`${url(480)} 480w, ${url(1280)} 1280w`);
  expect([picture()?.width, picture()?.height, picture()?.alt]).toEqual([1280, 720, ""]);
  expect(picture()?.getAttribute("loading")).toBe("lazy");
  rerender(<Cover id="local_e" category="music" image={image} large />);
  expect(picture()?.getAttribute("loading")).toBe("eager");
});

test("without a picture, or where it does not come, the pattern is the cover", () => {
  const { container, rerender } = render(<Cover id="local_e" category="music" image={null} />);
  expect(container.querySelector("img")).toBeNull();
  rerender(<Cover id="local_e" category="music" image={image} />);
  const picture = container.querySelector("img");
  expect(picture).not.toBeNull();
  if (picture) fireEvent.error(picture);
  expect(container.querySelector("img")).toBeNull();
  expect(container.querySelector("[data-pattern='rings']")).not.toBeNull();
});
