/**
 * How the element looks, as text that a sheet is constructed from: no page's policy on styles is asked for that, and none has to be loosened. Everything
 * that a page may choose is a property with a name that begins with `--marquee-`.
 */
export const STYLE = `
:host { display: block; }
:host([hidden]) { display: none; }
*, ::before, ::after { box-sizing: border-box; }
.card {
  all: initial;
  color-scheme: inherit;
  --background: var(--marquee-background, light-dark(#fffdf9, #211b17));
  --color: var(--marquee-color, light-dark(#241a14, #f4ece1));
  --faint: var(--marquee-faint, light-dark(#665849, #b9ab9b));
  --line: var(--marquee-line, light-dark(#8d7c68, #8d7c6a));
  --accent: var(--marquee-accent, var(--own, light-dark(#9b1b30, #ff9dab)));
  --on-accent: var(--marquee-on-accent, var(--on-own, light-dark(#fff, #2b060d)));
  --alert: var(--marquee-alert, light-dark(#a3201a, #ff9d93));
  --ring: var(--marquee-ring, light-dark(#1d5fd1, #9cc3ff));
  --radius: var(--marquee-radius, 0.9rem);
  --space: var(--marquee-space, 1rem);
  display: grid;
  grid-template-columns: minmax(0, 1fr);
  gap: var(--space);
  padding: calc(1.25 * var(--space));
  border: 1px solid color-mix(in srgb, var(--line) 45%, transparent);
  border-radius: var(--radius);
  background: var(--background);
  color: var(--color);
  font: var(--marquee-font, 1rem/1.5 system-ui, "Segoe UI", Roboto, "Noto Sans", "Noto Sans Sinhala", "Nirmala UI", "Noto Sans Arabic", "Geeza Pro", sans-serif);
  text-align: start;
  overflow-wrap: anywhere;
}
[hidden] { display: none !important; }
p, dl, dd, ul, fieldset { margin: 0; padding: 0; }
fieldset { border: 0; min-inline-size: 0; }
ul { display: grid; gap: calc(0.75 * var(--space)); list-style: none; }
.title { font-size: 1.35em; font-weight: 700; line-height: 1.25; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(13rem, 100%), 1fr)); gap: calc(0.75 * var(--space)) var(--space); }
dt, .left, .note { color: var(--faint); font-size: 0.875em; }
dd { font-weight: 600; }
dd .note { display: block; font-weight: 400; }
.notice { padding-inline-start: 0.75rem; border-inline-start: 4px solid var(--alert); font-weight: 700; }
.note:empty, .notice:empty { display: none; }
li {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  justify-content: space-between;
  gap: 0.5rem var(--space);
  padding-block-start: calc(0.75 * var(--space));
  border-block-start: 1px solid color-mix(in srgb, var(--line) 45%, transparent);
}
.name { font-weight: 700; }
.price { font-variant-numeric: tabular-nums; }
.left[data-few] { color: var(--alert); font-weight: 700; }
fieldset { display: inline-flex; align-items: center; gap: 0.5rem; }
button, .go { font: inherit; color: inherit; cursor: pointer; }
fieldset button {
  inline-size: 2.75rem;
  block-size: 2.75rem;
  padding: 0;
  border: 1.5px solid var(--line);
  border-radius: 50%;
  background: none;
  font-size: 1.3em;
  line-height: 1;
}
fieldset button:hover:enabled { border-color: var(--accent); color: var(--accent); }
button:disabled { cursor: not-allowed; opacity: 0.55; }
output { min-inline-size: 2ch; font-weight: 700; font-variant-numeric: tabular-nums; text-align: center; }
.go {
  display: block;
  inline-size: 100%;
  min-block-size: 2.75rem;
  padding: 0.6em 1.25em;
  border: 1.5px solid transparent;
  border-radius: var(--marquee-button-radius, 99rem);
  background: var(--accent);
  color: var(--on-accent);
  font-weight: 700;
  text-align: center;
  text-decoration: none;
}
.go:not(:disabled):hover { background: color-mix(in srgb, var(--accent) 88%, var(--color)); }
.page { color: var(--accent); font-size: 0.875em; text-underline-offset: 0.16em; }
:focus-visible { outline: 3px solid var(--ring); outline-offset: 3px; border-radius: 4px; }
fieldset button:focus-visible { border-radius: 50%; }
.go:focus-visible { border-radius: var(--marquee-button-radius, 99rem); }
@media (forced-colors: active) { .go { border-color: ButtonText; } }
`;
