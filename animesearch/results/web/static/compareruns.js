// Runs of one protocol side by side; others are refused by name.
import { byId, h, show } from "./dom.js";
import { fact } from "./facts.js";
import { keep, kept } from "./filter.js";
import { plural, scoreText } from "./format.js";
import { placeMark, scoreMark, stateMark } from "./marks.js";
import { poll, showProblem } from "./poll.js";
import { drawCurves, drawSides } from "./side.js";
import { drawTable, sorted } from "./table.js";

/** @param {string} run @param {string} path */
function address(run, path = "") {
  return `/runs/${encodeURIComponent(run)}/${path}`;
}

/** @param {any} data */
function drawChoice(data) {
  const form = byId("choose");
  if (form.contains(document.activeElement)) return;
  const chosen = new Set(kept("runs").split(","));
  const boxes = data.known.map((/** @type {string} */ run) => h("label", {}, h("input", { type: "checkbox", value: run, checked: chosen.has(run) }), ` ${run}`));
  show(form, ...boxes, h("button", {}, "Compare"), h("span", { class: "faint" }, `two to ${data.most}`));
}

/** @param {any[]} refused @param {string} first */
function drawRefused(refused, first) {
  const box = byId("refused");
  box.hidden = refused.length === 0;
  show(box, ...refused.map((one) => h("div", { class: "warning" },
    h("p", {}, h("strong", {}, one.run), ` is not shown: its protocol is not that of ${first}.`),
    h("ul", {}, ...one.differs.map((/** @type {any} */ found) => h("li", {}, h("code", {}, found.path), `: ${found.here}, there ${found.there}`))))));
}

/** @param {any} compared */
function drawRuns({ runs, metric }) {
  show(byId("runs"), ...runs.map((/** @type {any} */ run) => fact(run.name === run.run ? "run" : run.name,
    h("span", {}, h("a", { href: address(run.run) }, run.run), ` · ${plural(run.trials, "trial")} · `,
      run.best ? h("span", {}, `${metric} ${scoreText(run.best.score)} by `, trialLink(run.run, run.best.trial)) : "no score yet"))));
}

let order = { by: "place", down: false };

/** @param {any} compared */
function drawBest(compared) {
  byId("best").hidden = compared.rows.length === 0;
  const columns = columnsOf(compared.metric);
  const rows = sorted(compared.rows, columns.find((column) => column.name === order.by), order.down);
  const onSort = (/** @type {string} */ name) => {
    order = { by: name, down: order.by === name && !order.down };
    drawBest(compared);
  };
  drawTable(/** @type {HTMLTableElement} */ (byId("rows")), columns, rows, { ...order, onSort, key: (row) => `${row.run}/${row.trial}` });
}

/** @param {string} metric @returns {import("./table.js").Column[]} */
function columnsOf(metric) {
  return [
    { name: "place", label: "#", numeric: true, value: (row) => row.place, cell: placeMark },
    { name: "picture", label: "", value: (row) => row.place, cell: picture },
    { name: "trial", label: "best trial", value: (row) => row.trial, cell: (row) => trialLink(row.run, row.trial) },
    { name: "run", label: "run", value: (row) => row.run, cell: (row) => h("a", { href: address(row.run) }, row.run) },
    { name: "score", label: metric, numeric: true, value: (row) => row.score, cell: scoreMark },
    { name: "state", label: "state", value: (row) => row.state, cell: (row) => stateMark(row.state) },
    { name: "configuration", label: "configuration", value: (row) => row.configuration, cell: (row) => row.configuration },
  ];
}

/** @param {string} run @param {string} trial */
function trialLink(run, trial) {
  return h("a", { href: address(run, `trials/${encodeURIComponent(trial)}`) }, trial);
}

/** @param {any} row */
function picture({ run, trial, thumbnail }) {
  if (!thumbnail) return h("span", { class: "thumb" });
  return h("img", { class: "thumb", src: address(run, `files/${thumbnail}`), alt: `samples of ${trial} of ${run}`, loading: "lazy", width: 56, height: 56 });
}

/** @param {any} compared */
function drawSpaces({ spaces, runs }) {
  const box = byId("spaces");
  box.hidden = runs.length < 2;
  const table = h("table", { class: "plain side" });
  drawSides(table, runs.map((/** @type {any} */ run) => run.run), spaces.map((/** @type {any} */ row) => ({ head: row.path, cells: row.values })));
  show(box, h("h2", {}, "How the searches differ"), spaces.length ? h("div", { class: "scroll" }, table) : h("p", { class: "faint" }, "Their spaces are the same."));
}

poll(() => (kept("runs") ? `/api/compare?runs=${encodeURIComponent(kept("runs"))}` : "/api/compare"), (data) => {
  drawChoice(data);
  const { compared } = data;
  if (!compared) return;
  drawRefused(compared.refused, compared.runs[0].run);
  drawRuns(compared);
  const lines = (/** @type {string} */ what) => compared.runs.map((/** @type {any} */ run) => ({ name: run.run, points: run[what] }));
  drawCurves(byId("charts"), "progress", { title: `Best ${compared.metric} of the race so far`, metric: compared.metric, across: "images shown to all trials", step: true }, lines("progress"));
  drawCurves(byId("charts"), "curves", { title: "The best trial of each run", metric: compared.metric, across: "images shown to D" }, lines("curve"));
  drawBest(compared);
  drawSpaces(compared);
}, (problem, response) => {
  if (response.status !== 400) return false;
  showProblem(problem);
  fetch("/api/compare").then((found) => found.json()).then(drawChoice);
  return true;
});
byId("choose").addEventListener("submit", (event) => {
  event.preventDefault();
  const boxes = [...byId("choose").querySelectorAll("input:checked")];
  keep("runs", boxes.map((box) => /** @type {HTMLInputElement} */ (box).value).join(","));
  location.reload();
});
