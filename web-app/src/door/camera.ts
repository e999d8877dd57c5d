import { scriptUrl } from "../lib/trusted";
import decoderUrl from "./decoder.worker.ts?worker&url";

/** What some browsers have, and TypeScript does not know yet. */
interface Detector {
  detect(source: CanvasImageSource): Promise<{ rawValue: string }[]>;
}
interface DetectorClass {
  new (options: { formats: string[] }): Detector;
  getSupportedFormats(): Promise<string[]>;
}

type Decode = (video: HTMLVideoElement) => Promise<string | null>;

/** Milliseconds between two looks. */
const LOOK = 120;
/** Pixels that a picture is made small to, on its longer side, before it is read. */
const SIDE = 720;

/** Why there is no camera. */
export type NoCamera = "refused" | "none" | "insecure" | "busy";

export interface Camera {
  /** Switches its light; nothing where it has none. */
  torch: ((on: boolean) => Promise<void>) | null;
  stop: () => void;
}

async function native(): Promise<Decode | null> {
  const Class = (globalThis as { BarcodeDetector?: DetectorClass }).BarcodeDetector;
  if (!Class) return null;
  try {
    if (!(await Class.getSupportedFormats()).includes("qr_code")) return null;
    const detector = new Class({ formats: ["qr_code"] });
    return async (video) => (await detector.detect(video))[0]?.rawValue ?? null;
  } catch {
    return null;
  }
}

/** Reads codes in a worker, where the page stays quick meanwhile. */
function inWorker(): { decode: Decode; end: () => void } {
  const worker = new Worker(scriptUrl(decoderUrl), { type: "module" });
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const decode: Decode = (video) => {
    const scale = Math.min(1, SIDE / Math.max(video.videoWidth, video.videoHeight));
    const [width, height] = [Math.round(video.videoWidth * scale), Math.round(video.videoHeight * scale)];
    if (!context || width === 0 || height === 0) return Promise.resolve(null);
    canvas.width = width;
    canvas.height = height;
    context.drawImage(video, 0, 0, width, height);
    const pixels = context.getImageData(0, 0, width, height).data.buffer;
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<string | null>) => resolve(data);
      worker.onerror = () => reject(new Error("the decoder failed"));
      worker.postMessage({ pixels, width, height }, [pixels]);
    });
  };
  return { decode, end: () => worker.terminate() };
}

/** Has the browser keep what reads codes, for when there is no network. */
export function prepareCamera(): void {
  if (!("BarcodeDetector" in globalThis)) void fetch(decoderUrl).catch(() => undefined);
}

/** Opens the camera at somebody's back, shows it, and tells of each code that it sees. */
export async function openCamera(
  video: HTMLVideoElement,
  onCode: (text: string) => void,
): Promise<{ camera: Camera } | { none: NoCamera }> {
  if (!navigator.mediaDevices?.getUserMedia) return { none: "insecure" };
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 720 } },
    });
  } catch (caught) {
    const name = caught instanceof Error ? caught.name : "";
    return { none: name === "NotAllowedError" ? "refused" : name === "NotReadableError" ? "busy" : "none" };
  }
  video.srcObject = stream;
  await video.play().catch(() => undefined);
  const own = await native();
  const worker = own ? null : inWorker();
  const decode = own ?? worker?.decode;
  let stopped = false;
  let timer: ReturnType<typeof setTimeout>;
  const look = async () => {
    try {
      const text = video.readyState >= 2 ? await decode?.(video) : null;
      if (text && !stopped) onCode(text);
    } catch {
      // A picture that cannot be read: the next one may be.
    }
    if (!stopped) timer = setTimeout(look, LOOK);
  };
  timer = setTimeout(look, LOOK);
  const [track] = stream.getVideoTracks();
  const able = track?.getCapabilities?.() as { torch?: boolean } | undefined;
  return {
    camera: {
      torch: able?.torch
        ? (on) => track?.applyConstraints({ advanced: [{ torch: on } as MediaTrackConstraintSet] }) ?? Promise.resolve()
        : null,
      stop: () => {
        stopped = true;
        clearTimeout(timer);
        worker?.end();
        for (const each of stream.getTracks()) each.stop();
        video.srcObject = null;
      },
    },
  };
}
