import jsQR from "jsqr";

/** A picture of the camera, and what stands in its QR code. */
self.onmessage = ({ data }: MessageEvent<{ pixels: ArrayBuffer; width: number; height: number }>) => {
  const found = jsQR(new Uint8ClampedArray(data.pixels), data.width, data.height, { inversionAttempts: "dontInvert" });
  self.postMessage(found?.data ?? null);
};
