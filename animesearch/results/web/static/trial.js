// The page of one trial.
import { byId, fileAddress, h, show, trialAddress } from "./dom.js";
import { fact } from "./facts.js";
import { bytesText, durationText, imagesText, kimgText, scoreText, timeText } from "./format.js";
import { drawConfusion } from "./confusion.js";
import { enableLarge, enlarge } from "./large.js";
import { placeMark, scoreMark, stateMark } from "./marks.js";
import { poll } from "./poll.js";
import { drawCompanions, drawScores, drawTables } from "./trialcharts.js";

const { run = "", trial = "" } = document.body.dataset;
const API = `/api/runs/${encodeURIComponent(run)}/trials/${encodeURIComponent(trial)}`;
const CHARTS = byId("charts");

/** @param {any} data */
function draw(data) {
  const row = data.trial;
  show(byId("state"), stateMark(row.state));
  link("before", data.before);
  link("after", data.after);
  drawFacts(data, row);
  drawVerdict(data.verdict);
  drawPictures(data);
  drawScores(CHARTS, data);
  drawCompanions(CHARTS, data.companions);
  drawConfusion(byId("confusion"), data.confusion);
  drawConfiguration(data.yaml);
  drawDifferences(data, row);
  drawLog(data.log);
  drawFiles(data.files);
}

/** @param {string} id @param {string | null} other */
function link(id, other) {
  const anchor = /** @type {HTMLAnchorElement} */ (byId(id));
  anchor.hidden = other === null;
  if (other === null) return;
  anchor.href = trialAddress(other);
  anchor.title = other;
}

/** @param {any} data @param {any} row */
function drawFacts(data, row) {
  const { standing } = data;
  const others = standing.trials.filter((/** @type {string} */ other) => other !== row.trial);
  show(byId("facts"),
    fact("place of its configuration", placeMark(standing)),
    fact(data.run.metric, scoreMark(row)),
    others.length ? fact("mean of its configuration", scoreMark(standing)) : null,
    others.length ? fact("other seeds", h("span", {}, ...others.flatMap((/** @type {string} */ other) => [h("a", { href: trialAddress(other) }, other), " "]))) : null,
    row.memorisation === null ? null : fact("memorisation", h("abbr", { title: "distance to held-out images minus that to as many training images; well above 0: nearer to what it has seen" }, scoreText(row.memorisation))),
    fact("images", `${kimgText(row.kimg)} kimg`),
    fact("rungs survived", row.rungs),
    fact("device time", durationText(row.time)),
    fact("seed", row.seed),
    fact("phase", row.phase),
    fact("configuration", h("code", {}, row.config)),
    fact("attempt", data.attempt));
}

/** @param {{code: string, meaning: string, evidence: string} | null} verdict */
function drawVerdict(verdict) {
  const box = byId("verdict");
  box.hidden = verdict === null;
  if (verdict === null) return;
  const long = verdict.evidence.includes("\n");
  show(box, h("h2", {}, `Why it ended: ${verdict.code}`),
    verdict.meaning ? h("p", {}, `${verdict.meaning}.`) : null,
    verdict.evidence ? h(long ? "pre" : "p", { class: long ? "" : "evidence" }, verdict.evidence) : null);
}

let place = -1;
let pictures = /** @type {any} */ ({ grids: [], shape: null });

/** Every grid of the trial, for the enlarged view. */
function views() {
  return pictures.grids.map((/** @type {any} */ grid) => ({ title: trial, text: "the averaged generator", images: grid.images, address: fileAddress(grid.address), trial, nearest: grid.nearest ?? null }));
}

/** The grid of one moment beside the reals, with a slider. @param {any} data */
function drawPictures(data) {
  const { grids } = data;
  pictures = data;
  const box = byId("pictures");
  if (grids.length === 0) {
    show(box, h("h2", {}, "Samples"), h("p", { class: "faint" }, "no grid yet; the first is drawn at the first rung"));
    return;
  }
  if (box.contains(document.activeElement)) return; // the slider is in someone's hand
  let at = place < 0 ? grids.length - 1 : Math.min(place, grids.length - 1);
  const picture = h("img", { class: "grid" });
  const text = h("output", {});
  const move = (/** @type {number} */ to) => {
    const grid = grids[to];
    at = to;
    picture.setAttribute("src", fileAddress(grid.address));
    picture.setAttribute("alt", `samples of ${trial} at ${imagesText(grid.images)}`);
    text.textContent = imagesText(grid.images);
  };
  const slider = h("input", { type: "range", min: 0, max: grids.length - 1, value: at, "aria-label": "training time" });
  slider.addEventListener("input", () => {
    const value = Number(/** @type {HTMLInputElement} */ (slider).value);
    place = value === grids.length - 1 ? -1 : value;
    move(value);
  });
  move(at);
  const reals = data.reals ? h("figure", {}, h("img", { class: "grid", src: fileAddress(data.reals), alt: "real images" }), h("figcaption", {}, "real images")) : null;
  const button = h("button", { type: "button", class: "enlarge", "aria-label": "enlarge the samples", onclick: () => enlarge(at) }, picture);
  show(box, h("h2", {}, "Samples"), h("label", { class: "slider" }, slider, text), h("div", { class: "pair" }, h("figure", {}, button, h("figcaption", {}, "the averaged generator; click to enlarge, with the nearest training images")), reals));
}

/** @param {string} yaml */
function drawConfiguration(yaml) {
  const code = h("pre", { tabindex: "0", class: "yaml" }, yaml);
  const button = h("button", { type: "button", onclick: () => copy(button, code) }, "Copy");
  show(byId("configuration"), h("h2", {}, "Configuration ", button), code);
}

/** @param {HTMLElement} button @param {HTMLElement} code */
async function copy(button, code) {
  try {
    await navigator.clipboard.writeText(code.textContent ?? "");
    button.textContent = "Copied";
  } catch {
    getSelection()?.selectAllChildren(code);
    button.textContent = "Selected: press Ctrl-C";
  }
}

/** @param {any} data @param {any} row */
function drawDifferences(data, row) {
  const box = byId("differences");
  if (row.trial === data.best) {
    show(box, h("h2", {}, "Difference from the best"), h("p", { class: "faint" }, "This trial is the best one."));
    return;
  }
  const title = h("h2", {}, "Difference from the best", data.best ? h("span", {}, ", ", h("a", { href: trialAddress(data.best) }, data.best)) : null);
  if (!data.best) {
    show(box, title, h("p", { class: "faint" }, "No trial has a score yet."));
    return;
  }
  const rows = data.differences.map((/** @type {any} */ one) =>
    h("tr", {}, h("th", { scope: "row" }, one.path), h("td", {}, one.here), h("td", {}, one.there)));
  show(box, title, rows.length ? h("div", { class: "scroll" }, h("table", { class: "plain" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "parameter"), h("th", { scope: "col" }, trial), h("th", { scope: "col" }, data.best))),
    h("tbody", {}, ...rows))) : h("p", { class: "faint" }, "The same configuration, from another seed."));
}

/** @param {[number, string][]} log */
function drawLog(log) {
  const lines = log.map(([at, text]) => h("li", {}, h("time", {}, timeText(at)), ` ${text}`));
  show(byId("log"), h("h2", {}, "Log"), h("ol", { class: "log" }, ...lines));
}

/** @param {{path: string, name: string, bytes: number}[]} files */
function drawFiles(files) {
  const links = files.map((file) => h("li", {}, h("a", { href: fileAddress(file.path), download: true }, file.name), h("span", { class: "faint" }, ` ${bytesText(file.bytes)}`)));
  const none = h("p", { class: "faint" }, "none");
  show(byId("files"), h("h2", {}, "Files"), links.length ? h("ul", { class: "files" }, ...links) : none,
    h("p", { class: "faint" }, "The generator as a folder of its own: ", h("code", {}, `animesearch export RUN -o DIR --trial ${trial}`)));
}

enableLarge(() => ({ views: views(), shape: pictures.shape, others: "through training" }));
poll(() => API, draw);
poll(() => `${API}/tables`, (tables) => drawTables(CHARTS, tables));
