// Numbers in words; the same rules as animesearch/results/formats.py.

export const NONE = "–";

/** A distance with a precision that suits its size. @param {number | null | undefined} value */
export function scoreText(value) {
  if (value === null || value === undefined) return NONE;
  const size = Math.abs(value);
  const decimals = size >= 1000 ? 1 : size >= 10 ? 2 : size >= 0.1 ? 3 : null;
  return decimals === null ? short(value) : value.toFixed(decimals);
}

/** A parameter's value in short. @param {unknown} value */
export function short(value) {
  if (value === null || value === undefined) return "none";
  if (typeof value !== "number" || Number.isInteger(value)) return String(value);
  const plain = String(Number(value.toPrecision(3)));
  if (Math.abs(value) >= 0.001 && !plain.includes("e")) return plain;
  const [mantissa, exponent] = value.toExponential(2).split("e");
  return `${Number(mantissa)}e${Number(exponent)}`;
}

/** @param {number} thousands images in thousands */
export function kimgText(thousands) {
  return thousands.toFixed(1);
}

/** @param {number} images */
export function imagesText(images) {
  return `${kimgText(images / 1000)} kimg`;
}

/** A span in two units at most. @param {number | null} seconds */
export function durationText(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

/** @param {number} bytes */
export function bytesText(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const power = Math.min(3, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(1)} ${["", "kB", "MB", "GB"][power]}`;
}

/** Local time of day. @param {number} at seconds since the epoch */
export function timeText(at) {
  const date = new Date(at * 1000);
  return Number.isNaN(date.getTime()) ? "--:--:--" : date.toLocaleTimeString("en-GB");
}

/** `1 trial`, `2 trials`. @param {number} count @param {string} word */
export function plural(count, word) {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
