import { expect, test } from "vitest";
import { snippetOf } from "./snippet";

const snippet = { origin: "https://tickets.example", event: "eu_1", link: "Night of Strings", language: "" };

test("what is copied is the element with a plain link in it", () => {
  expect(snippetOf(snippet)).toBe(`<script type="module" src="https://tickets.example/embed.js"></script>
<marquee-event event="eu_1">
  <a href="https://tickets.example/e/eu_1">Night of Strings</a>
</marquee-event>`);
  expect(snippetOf({ ...snippet, language: "ar" })).toContain('<marquee-event event="eu_1" lang="ar">');
});

test("whatever an event is called, it is text", () => {
  const document = new DOMParser().parseFromString(
    snippetOf({ ...snippet, link: `</a></marquee-event><script>alert("1")</script>\n'&amp;` }),
    "text/html",
  );
  expect(document.scripts).toHaveLength(1);
  expect(document.querySelector("marquee-event > a")?.textContent).toBe(
    `</a></marquee-event><script>alert("1")</script> '&amp;`,
  );
});
