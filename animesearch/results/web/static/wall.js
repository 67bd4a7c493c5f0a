// Every trial's grid from the same latents, at one moment of training for all.
import { byId, fileAddress, h, show, trialAddress } from "./dom.js";
import { enableFilter, filtered, filterProblem, filterRight, keep, kept } from "./filter.js";
import { imagesText, plural, scoreText } from "./format.js";
import { enableLarge, enlarge } from "./large.js";
import { stateMark } from "./marks.js";
import { poll } from "./poll.js";
import { enableRows } from "./rows.js";

/** @type {any} */
let data = null;
let times = /** @type {number[]} */ ([]);
const time = /** @type {HTMLInputElement} */ (byId("time"));
const size = /** @type {HTMLInputElement} */ (byId("size"));

/** The newest grid that was drawn by then, or null. @param {any} panel @param {number} images */
function gridAt(panel, images) {
  const early = panel.grids.filter((/** @type {any} */ grid) => grid.images <= images);
  return early.length ? early[early.length - 1] : null;
}

function now() {
  return times[Number(time.value)] ?? 0;
}

function views() {
  return data.panels.map((/** @type {any} */ panel) => view(panel, gridAt(panel, now())));
}

/** @param {any} panel @param {any} grid of that panel, or null */
function view(panel, grid) {
  const place = panel.place === null ? "" : `${panel.place}. `;
  return {
    title: `${place}${panel.trial}`,
    text: `${scoreText(panel.score)} · ${panel.configuration}`,
    images: grid ? grid.images : null,
    address: grid ? fileAddress(grid.address) : null,
    trial: panel.trial,
    nearest: grid?.nearest ?? null,
    panel,
  };
}

function realView() {
  return { title: "real images", text: "from the training set", images: null, address: data.reals ? fileAddress(data.reals) : null, trial: null, nearest: null, panel: null };
}

/** Pictures are exchanged in place, so that a move of the slider does not make the page jump. */
function draw() {
  const all = [realView(), ...views()];
  const wall = byId("wall");
  const known = new Map([...wall.children].map((one) => [one.getAttribute("data-row"), one]));
  show(wall, ...all.map((one, place) => figure(known.get(one.trial ?? "reals"), one, place)));
  byId("time-text").textContent = times.length ? imagesText(now()) : "no grid yet";
  byId("count").textContent = data.panels.length === data.total ? plural(data.total, "trial") : `${data.panels.length} of ${plural(data.total, "trial")}`;
}

/** @param {Element | undefined} old @param {any} one @param {number} place */
function figure(old, one, place) {
  const box = old ?? h("figure", { "data-row": one.trial ?? "reals", tabindex: "-1", class: one.trial ? "" : "reals" });
  const picture = reuse(box.querySelector("img"), one);
  const button = h("button", { type: "button", "aria-label": `enlarge ${one.title}`, onclick: () => enlarge(place) }, picture);
  const title = one.trial ? h("a", { href: trialAddress(one.trial) }, one.title) : h("strong", {}, one.title);
  const late = one.images !== null && one.images < now() ? h("span", { class: "faint" }, ` at ${imagesText(one.images)}`) : null;
  const caption = h("figcaption", {}, h("span", { class: "line" }, title, late, one.panel ? stateMark(one.panel.state) : null), h("span", { class: "faint text", title: one.text }, one.text));
  show(box, button, caption);
  return box;
}

/** Whether a grid may still come. @param {any} one */
function going(one) {
  return !one.panel || ["running", "pending"].includes(one.panel.state) || one.panel.grids.length > 0;
}

/** @param {HTMLImageElement | null} old @param {any} one */
function reuse(old, one) {
  if (!one.address) return h("span", { class: "no-grid" }, going(one) ? "no grid yet" : "no grid");
  if (old?.getAttribute("src") === one.address) return old;
  const text = one.images === null ? one.title : `samples of ${one.trial} at ${imagesText(one.images)}`;
  return h("img", { src: one.address, alt: text, decoding: "async", loading: "lazy" });
}

function takeTimes() {
  const atEnd = Number(time.value) >= times.length - 1;
  const here = now();
  const found = new Set(data.panels.flatMap((/** @type {any} */ panel) => panel.grids.map((/** @type {any} */ grid) => grid.images)));
  times = [...found].sort((a, b) => a - b);
  time.max = String(Math.max(0, times.length - 1));
  const place = times.findLastIndex((images) => images <= here);
  time.value = String(atEnd ? times.length - 1 : Math.max(0, place));
}

function setSize() {
  byId("wall").style.setProperty("--panel", `${size.value}px`);
}

const address = () => filtered(`/api/runs/${encodeURIComponent(document.body.dataset.run ?? "")}/wall`);
const poller = poll(address, (fresh) => {
  data = fresh;
  filterRight();
  takeTimes();
  draw();
}, filterProblem);
enableFilter(() => poller.again());
enableRows(() => [.../** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("#wall [data-row]"))]);
enableLarge(() => ({ views: [realView(), ...views()], shape: data.shape, others: "in every trial" }));
time.addEventListener("input", draw);
size.value = kept("size") || size.value;
size.addEventListener("input", () => {
  keep("size", size.value);
  setSize();
});
setSize();
