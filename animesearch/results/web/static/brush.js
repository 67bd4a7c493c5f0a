// Choosing parts of the axes of parallel coordinates, by pointer or by keys.
import { svg } from "./dom.js";
import { short } from "./format.js";

const STEP = 0.02;
const PAGE = 0.1;
const LEAST = 0.01;
const REACH = 16;

/**
 * @typedef {{name: string, label: string, x: number, top: number, bottom: number, scale: string, low: number, high: number, categories: string[]}} Axis
 * @typedef {Record<string, [number, number]>} Choice parts of axes by the names of their parameters, 0 to 1
 */

/** Whether a trial lies in every chosen part. @param {{at: Record<string, number>}} point @param {Choice} choice */
export function inside(point, choice) {
  return Object.entries(choice).every(([name, [low, high]]) => point.at[name] >= low && point.at[name] <= high);
}

/**
 * Put a brush on each axis of the drawing.
 * @param {SVGSVGElement} drawing
 * @param {Axis[]} axes
 * @param {Choice} choice changed in place
 * @param {() => void} changed
 */
export function addBrushes(drawing, axes, choice, changed) {
  for (const axis of axes) drawing.append(brush(drawing, axis, choice, changed));
}

/** @param {SVGSVGElement} drawing @param {Axis} axis @param {Choice} choice @param {() => void} changed */
function brush(drawing, axis, choice, changed) {
  const { x, top, bottom } = axis;
  const zone = svg("rect", { class: "zone", x: x - REACH, y: top, width: 2 * REACH, height: bottom - top });
  const part = svg("rect", { class: "part", x: x - 7, width: 14, y: top, height: 0 });
  const ends = [0, 1].map((end) => svg("rect", { class: "end", x: x - 11, width: 22, height: 7, rx: 3, tabindex: "0", role: "slider", "aria-orientation": "vertical", "aria-valuemin": 0, "aria-valuemax": 100, "aria-label": `${axis.label} ${end ? "at most" : "at least"}`, "data-end": `${axis.name}/${end}` }));
  const place = () => placeBrush(axis, choice, part, ends);
  const set = (/** @type {[number, number]} */ range) => {
    setRange(axis, choice, range);
    place();
    changed();
  };
  ends.forEach((end, number) => end.addEventListener("keydown", (event) => onKey(/** @type {KeyboardEvent} */ (event), number, axis, choice, set)));
  const box = svg("g", { class: "brush", "data-axis": axis.name }, zone, part, ...ends);
  dragging(box, axis, choice, (event) => fraction(drawing, axis, event), set);
  place();
  return box;
}

/** The whole axis is no choice. @param {Axis} axis @param {Choice} choice @param {[number, number]} range */
function setRange(axis, choice, [low, high]) {
  if (low <= 0 && high >= 1) delete choice[axis.name];
  else choice[axis.name] = [Math.max(0, low), Math.min(1, high)];
}

/** @param {Axis} axis @param {Choice} choice @param {Element} part @param {Element[]} ends */
function placeBrush(axis, choice, part, ends) {
  const range = choice[axis.name] ?? [0, 1];
  const heights = range.map((place) => axis.bottom - place * (axis.bottom - axis.top));
  part.setAttribute("y", String(heights[1]));
  part.setAttribute("height", String(heights[0] - heights[1]));
  part.classList.toggle("is-set", axis.name in choice);
  ends.forEach((end, number) => {
    end.setAttribute("y", String(heights[number] - (number ? 7 : 0)));
    end.setAttribute("aria-valuenow", String(Math.round(range[number] * 100)));
    end.setAttribute("aria-valuetext", rangeText(axis, range));
  });
}

/** What of an axis is chosen, in words. @param {Axis} axis @param {[number, number] | number[]} range */
export function rangeText(axis, [low, high]) {
  if (axis.scale !== "categories") return `${short(valueAt(axis, low))} to ${short(valueAt(axis, high))}`;
  const count = axis.categories.length;
  const names = axis.categories.filter((_, n) => (n + 0.5) / count >= low && (n + 0.5) / count <= high);
  return names.join(", ") || "none";
}

/** @param {Axis} axis @param {number} place */
function valueAt({ scale, low, high }, place) {
  return scale === "log" ? low * (high / low) ** place : low + (high - low) * place;
}

/** @param {KeyboardEvent} event @param {number} end @param {Axis} axis @param {Choice} choice @param {(range: [number, number]) => void} set */
function onKey(event, end, axis, choice, set) {
  const step = axis.scale === "categories" ? 1 / axis.categories.length : STEP;
  const moves = { ArrowUp: step, ArrowRight: step, ArrowDown: -step, ArrowLeft: -step, PageUp: Math.max(step, PAGE), PageDown: -Math.max(step, PAGE), Home: -1, End: 1 };
  const move = moves[/** @type {keyof typeof moves} */ (event.key)];
  const clear = event.key === "Escape" || event.key === "Delete";
  if (move === undefined && !clear) return;
  event.preventDefault();
  if (clear) set([0, 1]);
  else set(moved(choice[axis.name] ?? [0, 1], end, move));
}

/** An end moves no further than to the other one. @param {[number, number]} range @param {number} end @param {number} move @returns {[number, number]} */
function moved([low, high], end, move) {
  return end ? [low, Math.min(1, Math.max(low + LEAST, high + move))] : [Math.max(0, Math.min(high - LEAST, low + move)), high];
}

/** @param {Element} box @param {Axis} axis @param {Choice} choice @param {(event: PointerEvent) => number} at @param {(range: [number, number]) => void} set */
function dragging(box, axis, choice, at, set) {
  let fixed = /** @type {number | null} */ (null);
  let begun = 0;
  const range = (/** @type {number} */ there) => /** @type {[number, number]} */ ([Math.min(fixed ?? 0, there), Math.max(fixed ?? 0, there)]);
  box.addEventListener("pointerdown", (event) => {
    const pointer = /** @type {PointerEvent} */ (event);
    const end = /** @type {Element} */ (event.target).getAttribute("data-end");
    const [low, high] = choice[axis.name] ?? [0, 1];
    begun = at(pointer);
    fixed = end === null ? begun : end.endsWith("/1") ? low : high;
    box.setPointerCapture(pointer.pointerId);
  });
  box.addEventListener("pointermove", (event) => {
    if (fixed !== null && Math.abs(at(/** @type {PointerEvent} */ (event)) - begun) > LEAST) set(range(at(/** @type {PointerEvent} */ (event))));
  });
  const stop = (/** @type {Event} */ event) => {
    const still = fixed !== null && Math.abs(at(/** @type {PointerEvent} */ (event)) - begun) <= LEAST;
    if (still && !/** @type {Element} */ (event.target).hasAttribute("data-end") && axis.name in choice) set([0, 1]);
    fixed = null;
  };
  box.addEventListener("pointerup", stop);
  box.addEventListener("pointercancel", () => (fixed = null));
}

/** Where on its axis the pointer is, 0 to 1. @param {SVGSVGElement} drawing @param {Axis} axis @param {PointerEvent} event */
function fraction(drawing, axis, event) {
  const matrix = drawing.getScreenCTM();
  if (!matrix) return 0;
  const { y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
  return Math.min(1, Math.max(0, (axis.bottom - y) / (axis.bottom - axis.top)));
}
