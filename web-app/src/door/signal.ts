import type { Verdict } from "./decide";

let context: AudioContext | undefined;

/** Browsers let a page sound once somebody has touched it. */
export function allowSound(): void {
  context ??= typeof AudioContext === "undefined" ? undefined : new AudioContext();
  void context?.resume();
}

function tone(frequency: number, from: number, seconds: number): void {
  if (!context) return;
  const [oscillator, gain] = [context.createOscillator(), context.createGain()];
  oscillator.frequency.value = frequency;
  oscillator.type = frequency < 300 ? "square" : "sine";
  gain.gain.value = frequency < 300 ? 0.15 : 0.35;
  oscillator.connect(gain).connect(context.destination);
  oscillator.start(context.currentTime + from);
  oscillator.stop(context.currentTime + from + seconds);
}

/** Says without a look at the screen what a scan came to: up for yes, twice the same for already, deep for no. */
export function signal(is: Verdict["is"], sound: boolean): void {
  if (is === "admitted") {
    navigator.vibrate?.(80);
    if (sound) for (const [index, frequency] of [880, 1320].entries()) tone(frequency, index * 0.09, 0.09);
  } else if (is === "already") {
    navigator.vibrate?.([120, 80, 120]);
    if (sound) for (const index of [0, 1]) tone(440, index * 0.2, 0.12);
  } else {
    navigator.vibrate?.([350]);
    if (sound) tone(180, 0, 0.4);
  }
}
