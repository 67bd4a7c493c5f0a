// Signs of a trial: its state (a shape besides the colour), its score, its curve, its picture.
import { fileAddress, h, svg } from "./dom.js";
import { imagesText, scoreText } from "./format.js";

/** @type {Record<string, string>} */
const SHAPES = {
  completed: "●", running: "▶", pruned: "◆", collapsed: "✕", failed: "▲", pending: "○",
};

/** @param {string} state @param {string} [reason] */
export function stateMark(state, reason = "") {
  const mark = h("span", { class: `state ${state}` }, h("span", { "aria-hidden": "true" }, SHAPES[state] ?? "?"), ` ${state}`);
  if (!reason) return mark;
  return h("span", { class: "with-reason" }, mark, h("span", { class: "reason", title: reason }, reason));
}

const BASES = { final: "runs from new seeds, on fresh samples", fresh: "scored again on fresh samples" };
const INTERVALS = { seeds: "95 % interval of the mean over seeds", noise: "95 % interval of the samples' noise; seeds differ more" };

/** The score of a configuration with its interval, and a sign for fresh samples. @param {any} row */
export function scoreMark(row) {
  const basis = BASES[/** @type {keyof typeof BASES} */ (row.basis)];
  const fresh = basis || row.fresh ? h("abbr", { title: basis ?? BASES.fresh }, "*") : null;
  const spread = row.sd === null || row.sd === undefined ? null : h("span", { class: "half", title: "standard deviation" }, ` ± ${scoreText(row.sd)}`);
  return h("span", { class: "score" }, scoreText(row.score), fresh, spread, intervalMark(row));
}

/** @param {any} row */
function intervalMark(row) {
  if (row.low === null || row.low === undefined) return null;
  const title = INTERVALS[/** @type {keyof typeof INTERVALS} */ (row.interval)];
  return h("span", { class: "interval", title }, `${scoreText(row.low)} – ${scoreText(row.high)}`);
}

/** The place, and the places that its interval leaves open. @param {any} row */
export function placeMark(row) {
  if (row.place === null) return h("span", { class: "faint" }, "–");
  if (!row.tied) return h("span", {}, row.place);
  const title = "a tie: its interval overlaps with those of these places";
  return h("span", {}, row.place, h("abbr", { class: "tie", title }, `≈${row.tied.join("–")}`));
}

/** A small curve of the score over the images shown. @param {[number, number][]} points @param {string} metric */
export function sparkline(points, metric) {
  if (points.length === 0) return h("span", { class: "faint" }, "–");
  const [width, height, pad] = [96, 26, 3];
  const place = scaler(points, width, height, pad);
  const places = points.map(place);
  const [x, y] = places[places.length - 1];
  const line = places.map((one) => one.map((n) => n.toFixed(1)).join(",")).join(" ");
  const label = curveText(points, metric);
  return svg("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label },
    svg("title", {}, label),
    svg("polyline", { points: line }),
    svg("circle", { cx: x, cy: y, r: 2.4 }));
}

/** @param {[number, number][]} points @returns {(point: [number, number]) => [number, number]} */
function scaler(points, width, height, pad) {
  const values = points.map((point) => point[1]);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const first = points[0][0];
  const span = points[points.length - 1][0] - first;
  return ([images, value]) => [
    pad + (span ? (images - first) / span : 1) * (width - 2 * pad),
    pad + (high > low ? (high - value) / (high - low) : 0.5) * (height - 2 * pad),
  ];
}

/** A curve in words. @param {[number, number][]} points @param {string} metric */
export function curveText(points, metric) {
  const [first, last] = [points[0], points[points.length - 1]];
  if (points.length === 1) return `${metric} ${scoreText(last[1])} at ${imagesText(last[0])}`;
  return `${metric} from ${scoreText(first[1])} at ${imagesText(first[0])} to ${scoreText(last[1])} at ${imagesText(last[0])}`;
}

/** The newest grid of a trial, small. @param {any} row */
export function thumbnail(row) {
  if (!row.thumbnail) return h("span", { class: "thumb none", title: "no grid yet" });
  return h("img", { class: "thumb", src: fileAddress(row.thumbnail), alt: `samples of ${row.trial}`, loading: "lazy", decoding: "async", width: 56, height: 56 });
}
