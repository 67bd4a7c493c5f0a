// The tables of the space: what matters, architecture by loss, what the search took.
import { h, show, trialAddress } from "./dom.js";
import { NONE, scoreText } from "./format.js";

/** @param {number} share */
function percent(share) {
  return `${Math.round(share * 100)} %`;
}

/** @param {HTMLElement} box @param {any} data */
export function drawImportance(box, data) {
  const heads = ["parameter", "explains", "luck", "best", "n"];
  const rows = data.importance.map((/** @type {any} */ one) => h("tr", { class: one.clear ? "clear" : null },
    h("th", { scope: "row", title: one.name }, one.label), shareCell(one),
    h("td", { class: "number" }, one.noise === null ? NONE : percent(one.noise)),
    h("td", {}, one.clear ? `${one.best}${trendText(one.trend)}` : NONE), h("td", { class: "number" }, one.n)));
  show(box, h("h2", {}, "What matters"), rows.length ? h("div", { class: "scroll" }, h("table", { class: "plain importance" },
    h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, head)))), h("tbody", {}, ...rows))) : h("p", { class: "faint" }, "No parameter differs between the trials."),
    h("details", { class: "faint" }, h("summary", {}, "how it is computed"), IMPORTANCE));
}

const IMPORTANCE = "Explains: how much of the order of the trials goes with this parameter alone (epsilon squared of the scores' ranks, in groups; collapsed trials rank last; conditional parameters among the trials that have them). Luck: what 95 % of 200 shuffled orders stay below. Interactions are not seen, and what a sampler chose together shares what it explains.";

/** @param {any} one */
function shareCell(one) {
  if (one.share === null) return h("td", { class: "faint" }, "too few trials");
  const text = one.clear ? percent(one.share) : `${percent(one.share)}, not clear`;
  return h("td", { class: "share", style: `--share: ${(one.share * 100).toFixed(1)}%; --luck: ${(one.noise * 100).toFixed(1)}%` }, h("span", { class: "track" }), text);
}

/** @param {number | null} trend */
function trendText(trend) {
  if (trend === null || Math.abs(trend) < 0.3) return "";
  return trend < 0 ? ", the more the better" : ", the less the better";
}

/** @param {HTMLElement} box @param {any} data */
export function drawHeat(box, data) {
  const { rows, columns, cells } = data.heat;
  const head = h("tr", {}, h("td", {}), ...columns.map((/** @type {string} */ column) => h("th", { scope: "col" }, column)));
  const body = rows.map((/** @type {string} */ row, /** @type {number} */ at) => h("tr", {}, h("th", { scope: "row" }, row), ...cells[at].map(heatCell)));
  show(box, h("h2", {}, "Architecture by loss"), h("p", {}, data.heat_words),
    h("div", { class: "scroll" }, h("table", { class: "heat" }, h("thead", {}, head), h("tbody", {}, ...body))),
    h("p", { class: "faint" }, `Best ${data.run.metric} of each pair, below it the median and the number of trials with a score; the stronger its colour the better.`));
}

/** @param {any} cell */
function heatCell(cell) {
  const lost = cell.lost ? `, ${cell.lost} collapsed` : "";
  if (cell.n === 0) return h("td", { class: "faint" }, cell.lost ? `${cell.lost} collapsed` : NONE);
  const style = `--share: ${Math.round(100 * (1 - 0.9 * cell.shade))}%`;
  return h("td", { class: "cell", style }, h("a", { href: trialAddress(cell.trial), title: cell.trial }, scoreText(cell.best)),
    h("span", { class: "faint" }, `${scoreText(cell.median)} · n ${cell.n}${lost}`));
}

/** @param {HTMLElement} box @param {any} data */
export function drawSpending(box, data) {
  const { heads, rows } = data.spending_table;
  const line = (/** @type {string[]} */ row, /** @type {boolean} */ last) => h("tr", { class: last ? "sum" : null },
    h("th", { scope: "row" }, row[0]), ...row.slice(1).map((text) => h("td", { class: "number" }, text)));
  const price = data.spending.price === null ? " A price per device-hour in the space (search.resources.price) gives the cost." : "";
  show(box, h("h2", {}, "What it took"), ...data.spent.map((/** @type {string} */ text) => h("p", {}, text)),
    h("div", { class: "scroll" }, h("table", { class: "plain" },
      h("thead", {}, h("tr", {}, ...heads.map((/** @type {string} */ head) => h("th", { scope: "col", class: head ? "number" : null }, head)))),
      h("tbody", {}, ...rows.map((/** @type {string[]} */ row, /** @type {number} */ at) => line(row, at === rows.length - 1))))),
    h("p", { class: "faint" }, `Device time: what the trials held their devices, scoring included, as told at their last report.${price}`));
}
