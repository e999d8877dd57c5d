/** What an organiser puts into a page of their own. */
export interface Snippet {
  /** Where the platform is, as `https://tickets.example`. */
  origin: string;
  event: string;
  /** What the plain link says, for browsers without script. */
  link: string;
  /** Nothing: as the page's. */
  language: string;
}

const escaped = (text: string) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`).replace(/\s+/g, " ");

/** As it is to be copied: whatever an event is called, it is text in somebody's page. */
export function snippetOf({ origin, event, link, language }: Snippet): string {
  const lang = language && ` lang="${escaped(language)}"`;
  return [
    `<script type="module" src="${escaped(origin)}/embed.js"></script>`,
    `<marquee-event event="${escaped(event)}"${lang}>`,
    `  <a href="${escaped(origin)}/e/${escaped(encodeURIComponent(event))}">${escaped(link)}</a>`,
    "</marquee-event>",
  ].join("\n");
}
