/** Covers of events without a picture: colours and a pattern that follow from the category, varied by the event. */

export const PATTERNS = ["rings", "curtain", "rays", "grid", "waves", "dots"] as const;
export type Pattern = (typeof PATTERNS)[number];

export interface Cover {
  pattern: Pattern;
  /** Of the main colour, in degrees. */
  hue: number;
  /** Of the second colour. */
  second: number;
  /** Where the pattern's middle is, in per cent. */
  x: number;
  y: number;
  /** Degrees. */
  tilt: number;
}

const CATEGORIES: Record<string, { hue: number; pattern: Pattern }> = {
  art: { hue: 40, pattern: "dots" },
  comedy: { hue: 75, pattern: "rays" },
  conference: { hue: 235, pattern: "grid" },
  dance: { hue: 320, pattern: "waves" },
  family: { hue: 150, pattern: "dots" },
  festival: { hue: 55, pattern: "rays" },
  film: { hue: 265, pattern: "grid" },
  food: { hue: 30, pattern: "waves" },
  literature: { hue: 190, pattern: "curtain" },
  music: { hue: 350, pattern: "rings" },
  sport: { hue: 130, pattern: "rays" },
  talk: { hue: 210, pattern: "grid" },
  technology: { hue: 250, pattern: "grid" },
  theatre: { hue: 10, pattern: "curtain" },
  workshop: { hue: 95, pattern: "dots" },
};

/** A number that follows from a text (FNV-1a). */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return value;
}

/** `ofEvent`: the hue of the event's colour, where it has one. */
export function coverOf(id: string, category: string, ofEvent: number | null = null): Cover {
  const own = hash(id);
  const known = CATEGORIES[category];
  const kind = hash(category);
  const base = known?.hue ?? kind % 360;
  const pattern = known?.pattern ?? PATTERNS[kind % PATTERNS.length] ?? "rings";
  const hue = ofEvent ?? (base + (own % 31) - 15 + 360) % 360;
  return {
    pattern,
    hue,
    second: (hue + 25 + ((own >>> 5) % 40)) % 360,
    x: 15 + ((own >>> 11) % 70),
    y: 10 + ((own >>> 17) % 80),
    tilt: ((own >>> 23) % 60) - 30,
  };
}
