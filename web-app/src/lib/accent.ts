/** An organiser's colour as it can be read: what somebody likes on a poster may be too light for text, or too dark for a dark page. */

/** In sRGB, each 0 to 255. */
type Rgb = [red: number, green: number, blue: number];

/** What text needs against what it stands on (WCAG 2.2, 1.4.3). */
const READABLE = 4.5;
/** A step towards black or white, of all the way. */
const STEP = 0.02;
const BLACK: Rgb = [0, 0, 0];
const WHITE: Rgb = [255, 255, 255];

/** The platform's own grounds, from `tokens.css`: those that are nearest to the text. A test holds them against it. */
export const GROUNDS = { light: ["#fbf7f0", "#fffdf9", "#f3ece0"], dark: ["#16120f", "#211b17", "#100d0b"] } as const;
export const ON_ACCENT = { light: "#ffffff", dark: "#16120f" } as const;

/** A colour as the API has it; nothing where that is none. */
export function parseColour(text: string): Rgb | null {
  const [, red, green, blue] = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(text) ?? [];
  return red && green && blue
    ? [Number.parseInt(red, 16), Number.parseInt(green, 16), Number.parseInt(blue, 16)]
    : null;
}

const hex = (colour: Rgb) => `#${colour.map((part) => Math.round(part).toString(16).padStart(2, "0")).join("")}`;

const mix = (colour: Rgb, other: Rgb, share: number): Rgb =>
  colour.map((part, index) => part + ((other[index] ?? 0) - part) * share) as Rgb;

/** 0 to 1 (WCAG 2.2, relative luminance). */
function luminance(colour: Rgb): number {
  const [red = 0, green = 0, blue = 0] = colour.map((part) => {
    const value = part / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** 1 to 21 (WCAG 2.2, contrast ratio). */
export function contrast(one: string, other: string): number {
  const [a, b] = [parseColour(one), parseColour(other)];
  if (!a || !b) return 1;
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

/** A colour in one of the two themes: for text and borders, stronger, behind something, and as text on it. */
export interface Accent {
  accent: string;
  strong: string;
  soft: string;
  on: string;
}

function inTheme(colour: Rgb, theme: "light" | "dark"): Accent {
  const [paper, card] = GROUNDS[theme];
  const towards = theme === "light" ? BLACK : WHITE;
  // Faint enough that text can be read on it, whatever the colour is.
  const soft = hex(mix(parseColour(theme === "light" ? card : paper) ?? WHITE, colour, theme === "light" ? 0.1 : 0.18));
  const isRead = (text: string) => [...GROUNDS[theme], soft].every((ground) => contrast(text, ground) >= READABLE);
  let share = 0;
  while (share < 1 && !isRead(hex(mix(colour, towards, share)))) share += STEP;
  const accent = mix(colour, towards, Math.min(share, 1));
  return { accent: hex(accent), strong: hex(mix(accent, towards, 0.2)), soft, on: ON_ACCENT[theme] };
}

/** A colour in both themes; nothing where it is none. */
export function accentOf(text: string): { light: Accent; dark: Accent } | null {
  const colour = parseColour(text);
  return colour && { light: inTheme(colour, "light"), dark: inTheme(colour, "dark") };
}

/** The tokens that it takes the place of. */
export function accentTokens(text: string | undefined): Record<`--${string}`, string> | undefined {
  const found = text ? accentOf(text) : null;
  if (!found) return undefined;
  const both = (part: keyof Accent) => `light-dark(${found.light[part]}, ${found.dark[part]})`;
  return {
    "--accent": both("accent"),
    "--accent-strong": both("strong"),
    "--accent-soft": both("soft"),
    "--on-accent": both("on"),
  };
}

/** The hue of a colour in degrees of OKLCH, as `cover.ts` counts them; nothing of one that has next to none. */
export function hueOf(text: string): number | null {
  const colour = parseColour(text);
  if (!colour) return null;
  const [r = 0, g = 0, b = 0] = colour.map((part) => {
    const value = part / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  const [one, two] = [
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
  if (Math.hypot(one, two) < 0.02) return null;
  return Math.round((Math.atan2(two, one) * 180) / Math.PI + 360) % 360;
}
