// One grid as large as the window, or one of its samples beside its nearest training image.
import { byId, h, show, trialAddress } from "./dom.js";
import { imagesText } from "./format.js";
import { nearestGrid, pair, sayNone, searchedText } from "./nearest.js";

/**
 * @typedef {import("./nearest.js").Nearest} Nearest
 * @typedef {{title: string, text: string, images: number | null, address: string | null, trial: string | null, nearest: Nearest | null}} View
 * @typedef {{views: View[], shape: [number, number] | null, others: string}} Shown
 */

let shown = /** @type {() => Shown} */ (() => ({ views: [], shape: null, others: "" }));
let place = 0;
let cell = /** @type {[number, number] | null} */ (null);

/** @param {() => Shown} source what the page shows now */
export function enableLarge(source) {
  shown = source;
  byId("large-before").addEventListener("click", () => step(-1));
  byId("large-after").addEventListener("click", () => step(1));
  byId("large").addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
}

/** @param {number} number of the view on the page */
export function enlarge(number) {
  place = number;
  cell = null;
  const dialog = /** @type {HTMLDialogElement} */ (byId("large"));
  if (!dialog.open) dialog.showModal();
  draw();
}

/** The next grid; of a sample, the next one. @param {number} by */
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
  const { views, shape, others } = shown();
  const view = views[Math.min(place, views.length - 1)];
  if (cell && shape) drawCell(view, views, shape, cell, others);
  else drawGrid(view, shape);
}

/** @param {[number, number]} at */
function open(at) {
  cell = at;
  draw();
}

/** @param {View} view */
function heading(view) {
  return view.title + (view.images === null ? "" : ` at ${imagesText(view.images)}`);
}

/** The whole grid, the nearest training images in the same order beside it. @param {View} view @param {[number, number] | null} shape */
function drawGrid(view, shape) {
  byId("large-title").textContent = heading(view);
  if (!view.address) {
    show(byId("large-text"), view.text);
    show(byId("large-body"), h("p", {}, "no grid yet"));
    return;
  }
  const cells = view.trial && shape;
  const picture = h("img", { src: view.address, alt: heading(view), class: cells ? "whole cells-to-click" : "whole" });
  picture.addEventListener("click", (event) => {
    if (cells) open(cellAt(/** @type {HTMLImageElement} */ (picture), event, cells));
  });
  const near = view.nearest && cells ? nearestGrid(view.nearest, cells, open) : null;
  show(byId("large-body"), h("div", { class: near ? "grids two-grids" : "grids" }, captioned(picture, near ? "samples" : null), near ? captioned(near, "nearest training images, in the same order") : null));
  show(byId("large-text"), view.text, ...(cells ? [" · ", trialLink(view), " · ", h("button", { type: "button", onclick: () => open([0, 0]) }, "Sample by sample"), " ", view.nearest ? searchedText(view.nearest) : sayNone()] : []));
}

/** @param {HTMLElement} picture @param {string | null} caption */
function captioned(picture, caption) {
  return h("figure", {}, picture, caption ? h("figcaption", { class: "faint" }, caption) : null);
}

/** @param {View} view */
function trialLink(view) {
  return h("a", { href: trialAddress(view.trial ?? "") }, view.trial);
}

/** @param {HTMLImageElement} picture @param {MouseEvent} event @param {[number, number]} shape @returns {[number, number]} */
function cellAt(picture, event, [rows, columns]) {
  const box = picture.getBoundingClientRect();
  const clamp = (/** @type {number} */ share, /** @type {number} */ count) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
  return [clamp((event.clientY - box.top) / box.height, rows), clamp((event.clientX - box.left) / box.width, columns)];
}

/**
 * One sample beside its nearest training image, then the same latent in the other grids.
 * @param {View} view @param {View[]} views @param {[number, number]} shape @param {[number, number]} at @param {string} others
 */
function drawCell(view, views, shape, at, others) {
  const latent = at[0] * shape[1] + at[1];
  byId("large-title").textContent = `latent ${latent} in ${heading(view)}`;
  const rest = views.filter((other) => other !== view && other.trial && other.address);
  show(byId("large-body"), h("div", { class: "sample" },
    pair(view, shape, at, "large-pair"),
    rest.length ? h("h3", {}, `latent ${latent} ${others}`) : null,
    h("div", { class: "cells" }, ...rest.map((other) => pair(other, shape, at, "small-pair", h("a", { href: trialAddress(other.trial ?? "") }, heading(other)))))));
  show(byId("large-text"), h("button", { type: "button", onclick: () => enlarge(place) }, "back to the grid"), " ", view.nearest ? searchedText(view.nearest) : null);
}
