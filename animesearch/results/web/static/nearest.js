// A sample of a grid and the training image that is nearest to it.
import { fileAddress, h } from "./dom.js";
import { scoreText } from "./format.js";

/**
 * @typedef {{pictures: string[], distances: number[], searched: number, training: number}} Nearest
 * @typedef {{title: string, address: string | null, nearest: Nearest | null}} Source
 */

const GAP = 2; // pixels between the images of a grid
const NONE = "No nearest training image is known here: it is looked for once a search has ended, for the best and the last grid of its best trials.";

export function sayNone() {
  return h("span", { class: "none-known" }, NONE);
}

/** What the images were looked for among. @param {Nearest} nearest */
export function searchedText({ searched, training }) {
  const all = searched === training ? `all ${training}` : `${searched} of the ${training}`;
  return h("span", {}, `Nearest among ${all} training images, in the features of the metric; the smaller the distance, the more alike.`);
}

/** The nearest images in the places of the samples. @param {Nearest} nearest @param {[number, number]} shape @param {(at: [number, number]) => void} open */
export function nearestGrid(nearest, [rows, columns], open) {
  const cells = nearest.pictures.slice(0, rows * columns).map((path, number) => {
    const image = training(path, nearest.distances[number], number);
    image.addEventListener("click", () => open([Math.floor(number / columns), number % columns]));
    return image;
  });
  const grid = h("div", { class: "nearest-grid" }, ...cells);
  grid.style.setProperty("--columns", String(columns));
  return grid;
}

/** @param {string} path @param {number} distance @param {number} latent */
function training(path, distance, latent) {
  const text = `training image ${numberOf(path)}, nearest to sample ${latent}: distance ${scoreText(distance)}`;
  return h("img", { src: fileAddress(path), alt: text, title: text, decoding: "async" });
}

/** @param {string} path */
function numberOf(path) {
  return Number(path.match(/(\d+)\.png$/)?.[1]);
}

/**
 * The sample, and its nearest training image with the distance, or that none is known.
 * @param {Source} view @param {[number, number]} shape @param {[number, number]} at @param {string} kind @param {Node | null} [title]
 */
export function pair(view, shape, at, kind, title = null) {
  const latent = at[0] * shape[1] + at[1];
  const path = view.nearest?.pictures[latent];
  const known = view.nearest && path !== undefined;
  const distance = known ? /** @type {Nearest} */ (view.nearest).distances[latent] : null;
  const right = known ? h("figure", {}, training(path, distance ?? 0, latent), h("figcaption", {}, kind === "large-pair" ? `training image ${numberOf(path)}, distance ${scoreText(distance)}` : scoreText(distance))) : null;
  const left = h("figure", {}, cropped(view, shape, at), h("figcaption", {}, kind === "large-pair" ? "the sample" : title));
  const missing = kind === "large-pair" && !known ? h("p", { class: "faint" }, sayNone()) : null;
  return h("div", { class: `pair-of-images ${kind}` }, left, right, missing);
}

/** The sample cut out of its grid. @param {Source} view @param {[number, number]} shape @param {[number, number]} at */
function cropped(view, [rows, columns], [row, column]) {
  const canvas = /** @type {HTMLCanvasElement} */ (h("canvas", { role: "img", "aria-label": `sample ${row * columns + column} of ${view.title}` }));
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
