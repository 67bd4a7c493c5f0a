// The space of a run: parallel coordinates with a choice, importance, heat map, slices, rungs.
import { addBrushes, inside, rangeText } from "./brush.js";
import { byId, h, show, trialAddress } from "./dom.js";
import { built, drawFigure, keepOnly, sized } from "./figures.js";
import { enableFilter, filtered, filterProblem, filterRight, keep, kept } from "./filter.js";
import { imagesText, NONE, plural, scoreText, short } from "./format.js";
import { drawHeat, drawImportance, drawSpending } from "./spacetables.js";
import { stateMark } from "./marks.js";
import { poll } from "./poll.js";
import { enableRows } from "./rows.js";
import { drawTable, sorted } from "./table.js";

const MOST_ROWS = 100;

/** @type {any} */
let data = null;
/** @type {import("./brush.js").Choice} */
const choice = readChoice();
let order = { by: "place", down: false };

/** What the address keeps of the choice; nothing for what it does not make sense of. */
function readChoice() {
  try {
    const found = JSON.parse(kept("choice") || "{}");
    return Object.fromEntries(Object.entries(found).filter(([, range]) => Array.isArray(range) && range.length === 2 && range.every(Number.isFinite)));
  } catch {
    return {};
  }
}

function chosen() {
  return data.points.filter((/** @type {any} */ point) => inside(point, choice));
}

function drawParallel() {
  const box = byId("parallel");
  const focused = document.activeElement?.getAttribute("data-end");
  const left = box.firstElementChild?.scrollLeft ?? 0;
  const drawing = /** @type {SVGSVGElement} */ (built(data.parallel.drawing));
  drawing.setAttribute("role", "group");
  drawing.setAttribute("aria-label", `${data.parallel.title}: ${data.parallel.alt}`);
  sized(drawing, data.parallel);
  addBrushes(drawing, data.parallel.axes, choice, choose);
  const plot = h("div", { class: "drawn" }, drawing);
  show(box, plot, h("p", { class: "faint" }, data.parallel.note));
  plot.scrollLeft = left;
  if (focused) /** @type {HTMLElement | null} */ (box.querySelector(`[data-end="${CSS.escape(focused)}"]`))?.focus();
}

/** Show what is chosen. */
function choose() {
  keep("choice", Object.keys(choice).length ? JSON.stringify(choice, (_, value) => (typeof value === "number" ? Number(value.toFixed(3)) : value)) : "");
  const rows = chosen();
  const names = new Set(rows.map((/** @type {any} */ row) => row.trial));
  for (const way of document.querySelectorAll("#parallel .way")) way.classList.toggle("off", !names.has(way.getAttribute("data-trial")));
  byId("clear").hidden = Object.keys(choice).length === 0;
  byId("chosen").textContent = chosenText(rows.length);
  drawTrials(rows);
}

/** @param {number} count */
function chosenText(count) {
  const parts = data.parallel.axes.filter((/** @type {any} */ axis) => axis.name in choice).map((/** @type {any} */ axis) => `${axis.label} ${rangeText(axis, choice[axis.name])}`);
  const more = count > MOST_ROWS ? `; the first ${MOST_ROWS} are listed` : "";
  return `${count} of ${plural(data.points.length, "trial")}${parts.length ? ` with ${parts.join("; ")}` : ""}${more}`;
}

/** @returns {import("./table.js").Column[]} */
function columns() {
  const axes = data.parallel.axes.map((/** @type {any} */ axis) => ({
    name: `p-${axis.name}`, label: axis.label, numeric: axis.scale !== "categories",
    value: (/** @type {any} */ row) => row.params[axis.name],
    cell: (/** @type {any} */ row) => (axis.name in row.params ? short(row.params[axis.name]) : NONE),
  }));
  return [
    { name: "place", label: "#", numeric: true, value: (row) => row.place, cell: (row) => row.place ?? NONE },
    { name: "trial", label: "trial", value: (row) => row.trial, cell: (row) => h("a", { href: trialAddress(row.trial) }, row.trial) },
    { name: "score", label: data.run.metric, numeric: true, value: (row) => row.score, cell: (row) => h("span", { class: "score" }, scoreText(row.score)) },
    { name: "state", label: "state", value: (row) => row.state, cell: (row) => stateMark(row.state) },
    ...axes,
  ];
}

/** @param {any[]} rows */
function drawTrials(rows) {
  const all = columns();
  const shown = sorted(rows, all.find((column) => column.name === order.by), order.down).slice(0, MOST_ROWS);
  const onSort = (/** @type {string} */ name) => {
    order = { by: name, down: order.by === name && !order.down };
    drawTrials(rows);
  };
  drawTable(/** @type {HTMLTableElement} */ (byId("trials")), all, shown, { ...order, onSort, key: (row) => row.trial });
}

/** What a slice shows, as the rows of its table. @param {string} name */
function sliceRows(name) {
  const rows = data.points.filter((/** @type {any} */ point) => name in point.params);
  return rows.map((/** @type {any} */ point) => [point.trial, short(point.params[name]), scoreText(point.score), point.state]);
}

function drawMeasures() {
  const select = /** @type {HTMLSelectElement} */ (byId("rung"));
  if (select === document.activeElement) return;
  show(select, h("option", { value: "" }, "each trial's best"),
    ...data.run.rungs.map((/** @type {number} */ images, /** @type {number} */ rung) => h("option", { value: rung }, `the score at ${imagesText(images)}`)));
  select.value = data.rung === null ? "" : String(data.rung);
}

function drawLegend() {
  const states = [...new Set(data.points.map((/** @type {any} */ point) => point.state))];
  show(byId("legend"), ...states.flatMap((state) => [stateMark(String(state)), " "]));
}

/** @param {any} fresh */
function draw(fresh) {
  data = fresh;
  filterRight();
  drawMeasures();
  byId("count").textContent = data.points.length === data.total ? plural(data.total, "trial") : `${data.points.length} of ${plural(data.total, "trial")}`;
  const known = new Set(data.parallel.axes.map((/** @type {any} */ axis) => axis.name));
  for (const name of Object.keys(choice)) if (!known.has(name)) delete choice[name];
  drawParallel();
  choose();
  drawImportance(byId("importance"), data);
  drawHeat(byId("heat"), data);
  drawLegend();
  keepOnly(byId("slices"), data.slices);
  for (const figure of data.slices) drawFigure(byId("slices"), { ...figure, rows: sliceRows(figure.parameter) });
  drawFigure(byId("rungs"), data.rungs);
  drawSpending(byId("spending"), data);
}

/** A line or a dot shows its trial in all figures. @param {string | null} trial */
function light(trial) {
  for (const mark of document.querySelectorAll(".hot")) mark.classList.remove("hot");
  const marks = trial ? document.querySelectorAll(`[data-trial="${CSS.escape(trial)}"], #trials [data-row="${CSS.escape(trial)}"]`) : [];
  for (const mark of marks) mark.classList.add("hot");
}

function enableMarks() {
  const trialOf = (/** @type {Event} */ event) => {
    const target = /** @type {Element} */ (event.target);
    return target.closest?.("main [data-trial]")?.getAttribute("data-trial") ?? target.closest?.("#trials [data-row]")?.getAttribute("data-row") ?? null;
  };
  const main = byId("main");
  main.addEventListener("pointerover", (event) => light(trialOf(event)));
  main.addEventListener("focusin", (event) => light(trialOf(event)));
  main.addEventListener("click", (event) => {
    const mark = /** @type {Element} */ (event.target).closest("main [data-trial]");
    if (mark) location.assign(trialAddress(mark.getAttribute("data-trial") ?? ""));
  });
}

function address() {
  const plain = filtered(`/api/runs/${encodeURIComponent(document.body.dataset.run ?? "")}/space`);
  return kept("rung") ? `${plain}${plain.includes("?") ? "&" : "?"}rung=${encodeURIComponent(kept("rung"))}` : plain;
}

function start() {
  const poller = poll(address, draw, filterProblem);
  enableFilter(() => poller.again());
  enableRows(() => [.../** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("#trials [data-row]"))]);
  enableMarks();
  byId("clear").addEventListener("click", () => {
    for (const name of Object.keys(choice)) delete choice[name];
    drawParallel();
    choose();
  });
  byId("rung").addEventListener("change", (event) => {
    keep("rung", /** @type {HTMLSelectElement} */ (event.target).value);
    /** @type {HTMLElement} */ (event.target).blur();
    poller.again();
  });
}

start();
