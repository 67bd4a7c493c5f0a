// D's confusion matrix at a report: a table with shaded cells, and a slider through the reports.
import { h, show } from "./dom.js";
import { imagesText } from "./format.js";

/** @typedef {{images: number, real_as_real: number, real_as_fake: number, fake_as_real: number, fake_as_fake: number}} Matrix */

/** @param {HTMLElement} box @param {Matrix[]} matrices */
export function drawConfusion(box, matrices) {
  box.hidden = matrices.length === 0;
  if (box.hidden || box.contains(document.activeElement)) return;
  const table = h("div", {});
  const text = h("output", {});
  const move = (/** @type {number} */ to) => {
    show(table, matrixTable(matrices[to]));
    text.textContent = imagesText(matrices[to].images);
  };
  const last = matrices.length - 1;
  const slider = h("input", { type: "range", min: 0, max: last, value: last, "aria-label": "training time" });
  slider.addEventListener("input", () => move(Number(/** @type {HTMLInputElement} */ (slider).value)));
  move(last);
  show(box, h("h2", {}, "What D took for what"), h("label", { class: "slider" }, slider, text), table);
}

/** @param {Matrix} m */
function matrixTable(m) {
  return h("table", { class: "confusion" },
    h("thead", {}, h("tr", {}, h("td", {}), h("th", { scope: "col" }, "taken for real"), h("th", { scope: "col" }, "taken for fake"))),
    h("tbody", {}, line("real images", m.real_as_real, m.real_as_fake, 0), line("fakes", m.fake_as_real, m.fake_as_fake, 1)));
}

/** @param {string} name @param {number} real @param {number} fake @param {number} right the column of right verdicts */
function line(name, real, fake, right) {
  const total = real + fake || 1;
  const cell = (/** @type {number} */ count, /** @type {number} */ column) => {
    const share = (100 * count) / total;
    const kind = column === right ? "right" : "wrong";
    return h("td", { class: kind, style: `--share: ${share.toFixed(1)}%` }, h("strong", {}, `${share.toFixed(1)} %`), h("span", { class: "faint" }, ` ${count} ${kind}`));
  };
  return h("tr", {}, h("th", { scope: "row" }, name), cell(real, 0), cell(fake, 1));
}
