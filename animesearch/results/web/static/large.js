// One grid as large as the window, or one of its cells across all trials.
import { byId, h, show, trialAddress } from "./dom.js";
import { imagesText } from "./format.js";

/**
 * @typedef {{title: string, text: string, images: number | null, address: string | null, trial: string | null}} View
 * @typedef {{views: View[], shape: [number, number] | null}} Shown
 */

const GAP = 2; // pixels between the images of a grid
let shown = /** @type {() => Shown} */ (() => ({ views: [], shape: null }));
let place = 0;
let cell = /** @type {[number, number] | null} */ (null);

/** @param {() => Shown} source what stands on the wall now */
export function enableLarge(source) {
  shown = source;
  byId("large-before").addEventListener("click", () => step(-1));
  byId("large-after").addEventListener("click", () => step(1));
  byId("large").addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
}

/** @param {number} number of the view on the wall */
export function enlarge(number) {
  place = number;
  cell = null;
  const dialog = /** @type {HTMLDialogElement} */ (byId("large"));
  if (!dialog.open) dialog.showModal();
  draw();
}

/** The next grid; of a cell, the next one. @param {number} by */
function step(by) {
  const { views, shape } = shown();
  if (cell && shape) {
    const [rows, columns] = shape;
    const next = (cell[0] * columns + cell[1] + by + rows * columns) % (rows * columns);
    cell = [Math.floor(next / columns), next % columns];
  } else {
    place = (place + by + views.length) % views.length;
  }
  draw();
}

function draw() {
  const { views, shape } = shown();
  if (cell && shape) drawCell(views, shape, cell);
  else drawGrid(views[place], shape);
}

/** @param {View} view @param {[number, number] | null} shape */
function drawGrid(view, shape) {
  const at = view.images === null ? "" : ` at ${imagesText(view.images)}`;
  byId("large-title").textContent = view.title + at;
  show(byId("large-text"), view.text, view.trial ? " · " : null, view.trial ? h("a", { href: trialAddress(view.trial) }, "to the trial") : null);
  if (!view.address) {
    show(byId("large-body"), h("p", {}, "no grid yet"));
    return;
  }
  const picture = h("img", { src: view.address, alt: view.title + at, class: "whole" });
  picture.addEventListener("click", (event) => {
    if (!shape || !view.trial) return;
    cell = cellAt(/** @type {HTMLImageElement} */ (picture), event, shape);
    draw();
  });
  show(byId("large-body"), picture);
}

/** @param {HTMLImageElement} picture @param {MouseEvent} event @param {[number, number]} shape @returns {[number, number]} */
function cellAt(picture, event, [rows, columns]) {
  const box = picture.getBoundingClientRect();
  const clamp = (/** @type {number} */ share, /** @type {number} */ count) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
  return [clamp((event.clientY - box.top) / box.height, rows), clamp((event.clientX - box.left) / box.width, columns)];
}

/** @param {View[]} views @param {[number, number]} shape @param {[number, number]} at */
function drawCell(views, shape, at) {
  byId("large-title").textContent = `latent ${at[0] * shape[1] + at[1]} in every trial`;
  show(byId("large-text"), h("button", { type: "button", onclick: () => enlarge(place) }, "back to the grid"));
  const trials = views.filter((view) => view.trial && view.address);
  show(byId("large-body"), h("div", { class: "cells" }, ...trials.map((view) =>
    h("figure", {}, cropped(view, shape, at), h("figcaption", {}, h("a", { href: trialAddress(view.trial ?? "") }, view.title))))));
}

/** The cell cut out of the grid. @param {View} view @param {[number, number]} shape @param {[number, number]} at */
function cropped(view, [rows, columns], [row, column]) {
  const canvas = /** @type {HTMLCanvasElement} */ (h("canvas", { role: "img", "aria-label": `the latent in ${view.title}` }));
  const picture = new Image();
  picture.addEventListener("load", () => {
    const width = (picture.naturalWidth + GAP) / columns - GAP;
    const height = (picture.naturalHeight + GAP) / rows - GAP;
    canvas.width = width;
    canvas.height = height;
    canvas.getContext("2d")?.drawImage(picture, column * (width + GAP), row * (height + GAP), width, height, 0, 0, width, height);
  });
  picture.src = view.address ?? "";
  return canvas;
}
