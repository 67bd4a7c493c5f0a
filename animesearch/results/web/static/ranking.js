// The ranking of a run.
import { byId, h, show, trialAddress } from "./dom.js";
import { fact, protocolBox, trialsText } from "./facts.js";
import { enableFilter, filtered, filterProblem, filterRight, keep, kept } from "./filter.js";
import { durationText, kimgText, NONE, plural, scoreText, short } from "./format.js";
import { placeMark, scoreMark, sparkline, stateMark, thumbnail } from "./marks.js";
import { poll } from "./poll.js";
import { enableRows } from "./rows.js";
import { drawTable, sorted } from "./table.js";

const MOST_PARAMETERS = 6;

const MOST_COMPARED = 6;

/** @type {any} */
let data = null;
/** Trials that are to be compared. @type {Set<string>} */
const marked = new Set();

/** @returns {import("./table.js").Column[]} */
function columnsOf() {
  const metric = data.run.metric;
  return [
    { name: "place", label: "#", numeric: true, value: (r) => r.place, cell: placeMark, shown: true },
    { name: "compare", label: "compare", value: (r) => (marked.has(r.trial) ? 0 : 1), cell: markBox, shown: true },
    { name: "picture", label: "", value: (r) => r.number, cell: thumbnail, shown: true },
    { name: "trial", label: "best trial", value: (r) => r.trial, cell: trialLink, shown: true },
    { name: "score", label: metric, numeric: true, value: (r) => r.score, cell: scoreMark, shown: true },
    { name: "curve", label: "curve", value: (r) => r.last, cell: (r) => sparkline(r.curve, metric), shown: true },
    { name: "state", label: "state", value: (r) => r.state, cell: (r) => stateMark(r.state, r.reason), shown: true },
    { name: "seeds", label: "seeds", numeric: true, value: (r) => r.seeds, cell: seedsMark, shown: true },
    { name: "kimg", label: "kimg", numeric: true, value: (r) => r.kimg, cell: (r) => kimgText(r.kimg), shown: true },
    { name: "rungs", label: "rungs", numeric: true, value: (r) => r.rungs, cell: (r) => r.rungs },
    { name: "race", label: "race best", numeric: true, value: (r) => r.race, cell: (r) => scoreText(r.race) },
    { name: "last", label: "last", numeric: true, value: (r) => r.last, cell: (r) => scoreText(r.last) },
    { name: "noise", label: "noise", numeric: true, value: (r) => r.noise, cell: (r) => scoreText(r.noise) },
    { name: "low", label: "95 % from", numeric: true, value: (r) => r.low, cell: (r) => scoreText(r.low) },
    { name: "high", label: "95 % to", numeric: true, value: (r) => r.high, cell: (r) => scoreText(r.high) },
    { name: "memorisation", label: "memorisation", numeric: true, value: (r) => r.memorisation, cell: (r) => scoreText(r.memorisation) },
    { name: "time", label: "time", numeric: true, value: (r) => r.time, cell: (r) => durationText(r.time) },
    { name: "config", label: "config id", value: (r) => r.config, cell: (r) => h("code", {}, r.config) },
    { name: "seed", label: "seed", numeric: true, value: (r) => r.seed, cell: (r) => r.seed },
    ...parameterColumns(),
  ];
}

function parameterColumns() {
  const varying = data.parameters.filter((/** @type {any} */ one) => one.varies);
  const first = new Set(varying.slice(0, MOST_PARAMETERS).map((/** @type {any} */ one) => one.name));
  return data.parameters.map((/** @type {any} */ one) => ({
    name: one.name,
    label: one.label,
    numeric: one.numeric,
    group: "parameters",
    shown: first.has(one.name),
    value: (/** @type {any} */ row) => row.params[one.name],
    cell: (/** @type {any} */ row) => (one.name in row.params ? short(row.params[one.name]) : NONE),
  }));
}

/** @param {any} row */
function trialLink(row) {
  return h("a", { href: trialAddress(row.trial) }, row.trial);
}

/** @param {any} row */
function markBox(row) {
  const change = () => {
    if (!marked.delete(row.trial)) marked.add(row.trial);
    drawCount();
  };
  return h("input", { type: "checkbox", checked: marked.has(row.trial), onchange: change, "aria-label": `compare ${row.trial}` });
}

/** Where the marked trials are compared. */
function compareLink() {
  if (marked.size === 0) return null;
  if (marked.size === 1) return h("span", {}, " · mark another one to compare them");
  if (marked.size > MOST_COMPARED) return h("span", {}, ` · at most ${MOST_COMPARED} can be compared`);
  const names = [...marked].map(encodeURIComponent).join(",");
  return h("span", {}, " · ", h("a", { id: "compare", href: `${document.body.dataset.base}/compare?trials=${names}` }, `Compare ${plural(marked.size, "trial")}`));
}

function drawCount() {
  show(byId("count"), countText(), compareLink());
}

/** @param {any} row */
function seedsMark(row) {
  const title = `${row.n} counted, ${row.failed} of ${row.runs} ended runs failed: ${row.trials.join(", ")}`;
  const failed = row.failed && row.runs > 1 ? h("span", { class: "faint" }, `, ${row.failed} failed`) : null;
  return h("abbr", { title }, row.seeds, failed);
}

function chosenColumns() {
  const wanted = kept("columns");
  const names = new Set(wanted.split(","));
  return columnsOf().filter((column) => (wanted ? names.has(column.name) : column.shown));
}

function draw() {
  const [by, down] = [kept("sort").replace(/^-/, ""), kept("sort").startsWith("-")];
  const columns = columnsOf();
  const rows = sorted(data.rows, columns.find((column) => column.name === by), down);
  const table = /** @type {HTMLTableElement} */ (byId("ranking"));
  drawTable(table, chosenColumns(), rows, { by: by || "place", down, onSort, key: (row) => row.config });
  drawMenu(columns);
  drawSorter(columns, by, down);
  drawCount();
}

function countText() {
  const total = plural(data.total, "configuration");
  return data.rows.length === data.total ? total : `${data.rows.length} of ${total}`;
}

/** The first click sorts upwards, the second downwards, the third by place. @param {string} name */
function onSort(name) {
  const now = kept("sort");
  keep("sort", now === name ? `-${name}` : now === `-${name}` ? "" : name);
  draw();
}

/** @param {import("./table.js").Column[]} columns */
function drawMenu(columns) {
  if (byId("columns").contains(document.activeElement)) return;
  const chosen = new Set(chosenColumns().map((column) => column.name));
  const choices = (/** @type {boolean} */ parameters) =>
    columns.filter((column) => (column.group === "parameters") === parameters).map((column) =>
      h("label", { title: column.name }, h("input", { type: "checkbox", value: column.name, checked: chosen.has(column.name), onchange: onChoice }), ` ${column.label || "picture"}`));
  show(byId("parameters"), ...choices(true));
  show(byId("others"), ...choices(false));
}

function onChoice() {
  const boxes = [...byId("columns").querySelectorAll("input:checked")];
  const names = new Set(boxes.map((box) => /** @type {HTMLInputElement} */ (box).value));
  const standard = columnsOf().filter((column) => column.shown).map((column) => column.name);
  const same = standard.length === names.size && standard.every((name) => names.has(name));
  keep("columns", same ? "" : [...names].join(","));
  draw();
}

/** For narrow screens, where the table has no head. */
function drawSorter(/** @type {any[]} */ columns, /** @type {string} */ by, /** @type {boolean} */ down) {
  const select = /** @type {HTMLSelectElement} */ (byId("sort"));
  if (select === document.activeElement) return;
  const options = columns.filter((column) => column.label).flatMap((column) => [
    h("option", { value: column.name }, `${column.label} ▲`),
    h("option", { value: `-${column.name}` }, `${column.label} ▼`),
  ]);
  show(select, ...options);
  select.value = (down ? "-" : "") + (by || "place");
}

function drawFacts() {
  const { run } = data;
  show(byId("facts"),
    fact("metric", `${run.metric}, lower is better`),
    run.floor_words ? fact("floor", run.floor_words) : null,
    fact("trials", trialsText(run)),
    fact("rungs", `${run.rungs.map((/** @type {number} */ images) => images / 1000).join(", ")} kimg`),
    fact("stopped", stopsText(run.stops)),
    protocolBox(run.protocol, run.protocol_id));
  show(byId("notes"), h("ul", {}, ...run.notes.map((/** @type {string} */ note) => h("li", {}, note))));
}

/** @param {Record<string, number>} stops */
function stopsText(stops) {
  return Object.entries(stops).map(([code, count]) => `${code} ${count}`).join(", ") || "none";
}

function start() {
  const address = () => filtered(`/api/runs/${encodeURIComponent(document.body.dataset.run ?? "")}/ranking`);
  const poller = poll(address, (fresh) => {
    data = fresh;
    filterRight();
    drawFacts();
    draw();
  }, filterProblem);
  enableFilter(() => poller.again());
  enableRows(() => [.../** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("#ranking [data-row]"))]);
  byId("sort").addEventListener("change", (event) => {
    keep("sort", /** @type {HTMLSelectElement} */ (event.target).value);
    /** @type {HTMLElement} */ (event.target).blur();
    draw();
  });
}

start();
