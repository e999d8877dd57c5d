/** Milliseconds between two letters of a code at most: a scanner that types is much faster, also over a slow radio. */
const APART = 1000;
/** What codes are written with. */
const LETTER = /^[A-Za-z0-9.-]$/;
const CODE = /^[A-Za-z0-9.-]{12,256}$/;

/** Gathers what a scanner types where nothing has the focus that could be typed into. */
export class Wedge {
  private text = "";
  private last = Number.NEGATIVE_INFINITY;

  /** A key that was pressed at a time, in milliseconds; gives the code that it ends. */
  press(key: string, time: number): string | null {
    const begun = time - this.last <= APART ? this.text : "";
    this.last = time;
    if (key === "Enter" || key === "Tab") {
      this.text = "";
      return CODE.test(begun) ? begun : null;
    }
    // What is no letter at all, as Shift, is part of typing one.
    if ([...key].length === 1) this.text = LETTER.test(key) ? begun + key : "";
    return null;
  }

  /** Whether a scanner is in the middle of a code. */
  get isTyping(): boolean {
    return this.text.length > 2;
  }
}
