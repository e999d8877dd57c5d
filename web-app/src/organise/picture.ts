/** Pictures as the API takes them. */

/** Bytes that go through at most. */
export const MOST_BYTES = 1024 * 1024;
/** Of the file that is chosen: what is larger is no picture that anybody means. */
export const MOST_CHOSEN = 40 * 1024 * 1024;
export const KINDS = ["image/jpeg", "image/png", "image/webp"] as const;
/** Pixels of all of it, and how many times as long one side may be as the other. */
const MOST_PIXELS = 8_500_000;
const MOST_RATIO = 4;
/** Pixels of the longer side of what is made smaller: twice what is shown at most. */
const SIDE = 2560;
const QUALITIES = [0.88, 0.75, 0.6];
/** The same of a logo, which loses nothing but pixels: the first with which it is small enough is taken. */
const LOGO_SIDES = [1024, 512];

/** What a picture is for: an event's own is over its page, its logo beside its title. */
export type Slot = "image" | "logo";

export type PictureFault = "kind" | "size" | "ratio" | "broken";

/** Whether the file may be sent as it is, is to be made smaller before, or cannot be used. */
export function judge(
  { type, size }: Pick<File, "type" | "size">,
  pixels: { width: number; height: number } | null,
): "fits" | "shrink" | PictureFault {
  if (!(KINDS as readonly string[]).includes(type)) return "kind";
  if (size > MOST_CHOSEN) return "size";
  if (pixels === null) return "broken";
  const { width, height } = pixels;
  if (Math.max(width, height) > MOST_RATIO * Math.min(width, height)) return "ratio";
  return size <= MOST_BYTES && width * height <= MOST_PIXELS ? "fits" : "shrink";
}

/** How large a picture becomes that is made smaller. */
export function shrunk(
  { width, height }: { width: number; height: number },
  side = SIDE,
): { width: number; height: number } {
  const scale = Math.min(1, side / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** A file that the API takes, made of what was chosen; or why there is none. */
export async function prepare(file: File, slot: Slot): Promise<Blob | PictureFault> {
  const early = judge(file, { width: 1, height: 1 });
  if (early === "kind" || early === "size") return early;
  let bitmap: ImageBitmap;
  try {
    // Turned as it says.
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return "broken";
  }
  try {
    const verdict = judge(file, bitmap);
    if (verdict === "fits") return file;
    if (verdict !== "shrink") return verdict;
    const tries =
      slot === "logo"
        ? LOGO_SIDES.map((side) => ({ side, type: "image/png", quality: undefined }))
        : QUALITIES.map((quality) => ({ side: SIDE, type: "image/jpeg", quality }));
    for (const { side, type, quality } of tries) {
      // JPEG knows nothing transparent: it is on white, as the API has it.
      const canvas = drawn(bitmap, side, type === "image/jpeg");
      if (!canvas) return "broken";
      const made = await new Promise<Blob | null>((done) => canvas.toBlob(done, type, quality));
      if (made && made.size <= MOST_BYTES) return made;
    }
    return "size";
  } finally {
    bitmap.close();
  }
}

function drawn(bitmap: ImageBitmap, side: number, onWhite: boolean): HTMLCanvasElement | null {
  const { width, height } = shrunk(bitmap, side);
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context) return null;
  if (onWhite) {
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
  }
  context.drawImage(bitmap, 0, 0, width, height);
  return canvas;
}
