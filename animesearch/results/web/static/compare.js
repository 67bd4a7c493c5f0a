// Two to six trials of a run side by side.
import { byId, fileAddress, h, show, trialAddress } from "./dom.js";
import { keep, kept } from "./filter.js";
import { durationText, imagesText, kimgText, NONE, scoreText, short } from "./format.js";
import { placeMark, scoreMark, stateMark } from "./marks.js";
import { poll } from "./poll.js";
import { drawCurves, drawSides } from "./side.js";

/** @type {any} */
let data = null;
let times = /** @type {number[]} */ ([]);
const time = /** @type {HTMLInputElement} */ (byId("time"));
const all = /** @type {HTMLInputElement} */ (byId("all"));

function names() {
  return /** @type {string[]} */ (data.trials.map((/** @type {any} */ one) => one.trial));
}

/** Compare these; the address keeps them. @param {string[]} trials */
function choose(trials) {
  keep("trials", trials.join(","));
  poller.again();
}

function drawChosen() {
  const chips = names().map((trial) => h("span", { class: "chip" }, h("a", { href: trialAddress(trial) }, trial),
    names().length > 2 ? h("button", { type: "button", "aria-label": `without ${trial}`, onclick: () => choose(names().filter((one) => one !== trial)) }, "✕") : null));
  if (!byId("chosen").contains(document.activeElement)) show(byId("chosen"), ...chips);
  const add = /** @type {HTMLSelectElement} */ (byId("add"));
  if (add === document.activeElement) return;
  const others = data.others.filter((/** @type {any} */ one) => !names().includes(one.trial));
  show(add, h("option", { value: "" }, "a trial …"), ...others.map((/** @type {any} */ one) => h("option", { value: one.trial }, `${one.place === null ? "" : `${one.place}. `}${one.trial} ${one.state}`)));
  add.disabled = names().length >= data.most || others.length === 0;
}

function drawScores() {
  const { trials } = data;
  const line = (/** @type {string} */ head, /** @type {(one: any) => any} */ cell) => ({ head, cells: trials.map(cell) });
  const measured = [...new Set(trials.flatMap((/** @type {any} */ one) => Object.keys(one.measures)))];
  drawSides(byId("scores"), names().map((trial) => h("a", { href: trialAddress(trial) }, trial)), [
    line("place of its configuration", (one) => placeMark(one.standing)),
    line(`${data.run.metric} of its configuration`, (one) => scoreMark(one.standing)),
    line("of this trial", (one) => best(one.score, "score")),
    line("best of the race", (one) => best(one.race, "race")),
    line("last", (one) => best(one.last, "last")),
    line("state", (one) => stateMark(one.state)),
    line("verdict", verdictText),
    line("seed", (one) => one.seed),
    line("kimg", (one) => kimgText(one.kimg)),
    line("rungs passed", (one) => one.rungs),
    line("device time", (one) => durationText(one.time)),
    ...measured.map((name) => line(String(name).replaceAll("_", " "), (one) => (name in one.measures ? short(one.measures[/** @type {string} */ (name)]) : NONE))),
  ]);
}

/** The lowest of them stands out. @param {number | null} value @param {string} name */
function best(value, name) {
  const known = data.trials.map((/** @type {any} */ one) => one[name]).filter((/** @type {any} */ one) => one !== null);
  const lowest = value !== null && known.length > 1 && value === Math.min(...known);
  return lowest ? h("strong", { title: "the lowest" }, scoreText(value), " ↓") : scoreText(value);
}

/** @param {any} one */
function verdictText({ verdict }) {
  if (!verdict) return NONE;
  return h("span", {}, h("strong", {}, verdict.code), verdict.meaning ? `: ${verdict.meaning}` : "", verdict.evidence ? h("span", { class: "evidence faint" }, ` ${verdict.evidence}`) : null);
}

function drawOptions() {
  const rows = data.options.filter((/** @type {any} */ row) => row.differs || all.checked);
  if (rows.length === 0) {
    show(byId("options"), h("tbody", {}, h("tr", {}, h("td", {}, "The same configuration, from other seeds."))));
    return;
  }
  drawSides(byId("options"), names(), rows.map((/** @type {any} */ row) => ({ head: row.path, cells: row.values, differs: row.differs })));
}

function now() {
  return times[Number(time.value)] ?? 0;
}

function takeTimes() {
  const atEnd = Number(time.value) >= times.length - 1;
  const here = now();
  const found = new Set(data.trials.flatMap((/** @type {any} */ one) => one.grids.map((/** @type {any[]} */ grid) => grid[0])));
  times = [...found].sort((a, b) => a - b);
  time.max = String(Math.max(0, times.length - 1));
  time.value = String(atEnd ? times.length - 1 : Math.max(0, times.findLastIndex((images) => images <= here)));
}

function drawGrids() {
  const reals = data.reals ? [{ key: "reals", title: "real images", address: fileAddress(data.reals), images: null }] : [];
  const panels = data.trials.map((/** @type {any} */ one) => {
    const grid = one.grids.findLast((/** @type {any[]} */ at) => at[0] <= now());
    return { key: one.trial, title: one.trial, address: grid ? fileAddress(grid[1]) : null, images: grid ? grid[0] : null };
  });
  const old = new Map([...byId("grids").querySelectorAll("img")].map((image) => [image.getAttribute("src"), image]));
  show(byId("grids"), ...[...reals, ...panels].map((one) => panel(one, old)));
  byId("time-text").textContent = times.length ? imagesText(now()) : "no grid yet";
}

/** @param {any} one @param {Map<string | null, HTMLImageElement>} old */
function panel(one, old) {
  const text = one.images === null ? one.title : `samples of ${one.title} at ${imagesText(one.images)}`;
  const picture = one.address ? old.get(one.address) ?? h("img", { src: one.address, alt: text, decoding: "async" }) : h("span", { class: "no-grid" }, "no grid yet");
  const title = one.key === "reals" ? h("strong", {}, one.title) : h("a", { href: trialAddress(one.key) }, one.title);
  const late = one.images !== null && one.images < now() ? h("span", { class: "faint" }, ` at ${imagesText(one.images)}`) : null;
  return h("figure", { class: one.key === "reals" ? "reals" : "" }, picture, h("figcaption", {}, title, late));
}

/** @param {any} fresh */
function draw(fresh) {
  data = fresh;
  drawChosen();
  drawScores();
  const lines = data.trials.map((/** @type {any} */ one) => ({ name: one.trial, points: one.curve }));
  drawCurves(byId("charts"), "curves", { title: `${data.run.metric} over images`, metric: data.run.metric, across: "images shown to D" }, lines);
  takeTimes();
  drawGrids();
  drawOptions();
}

const poller = poll(() => {
  const plain = `/api/runs/${encodeURIComponent(document.body.dataset.run ?? "")}/compare`;
  return kept("trials") ? `${plain}?trials=${encodeURIComponent(kept("trials"))}` : plain;
}, draw);
byId("add").addEventListener("change", (event) => {
  const select = /** @type {HTMLSelectElement} */ (event.target);
  const chosen = select.value;
  select.blur();
  if (chosen) choose([...names(), chosen]);
});
time.addEventListener("input", drawGrids);
all.addEventListener("change", drawOptions);
