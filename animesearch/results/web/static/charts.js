// Charts by Plotly, in the page's own colours; each says in words what it shows, and has a table.
import { h, show } from "./dom.js";

/** Okabe and Ito's colours, told apart by the colour-blind; their lighter ones first in the dark. */
const COLOURS = {
  light: ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"],
  dark: ["#56b4e9", "#e69f00", "#2fbf95", "#cc79a7", "#f0e442", "#d55e00"],
};
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "x", "cross"];
const MOST_ROWS = 200;

/**
 * @typedef {object} Chart
 * @property {string} title
 * @property {string} alt what the chart shows, in words
 * @property {(colours: Record<string, string>) => any[]} traces
 * @property {(colours: Record<string, string>) => any} [layout]
 * @property {string[]} heads of the table
 * @property {any[][]} rows of the table
 */

/** Each figure with its chart, to be drawn again in another theme. @type {Map<HTMLElement, Chart>} */
const drawn = new Map();
/** Plotly itself follows the window only; a figure also changes with those beside it. */
const sizes = new ResizeObserver((entries) => {
  const Plotly = /** @type {any} */ (globalThis).Plotly;
  for (const { target } of entries) if (target.clientWidth > 0 && target.classList.contains("js-plotly-plot")) Plotly.Plots.resize(target);
});

/** The look of the n-th line: its colour, and a dash or a shape besides. @param {number} number */
export function look(number) {
  const dark = getComputedStyle(document.documentElement).getPropertyValue("--dark").trim() === "1";
  const place = number % DASHES.length;
  return { color: COLOURS[dark ? "dark" : "light"][place], dash: DASHES[place], symbol: SYMBOLS[place] };
}

/** Draw, or draw anew, the chart of `name` in `parent`. */
export function drawChart(/** @type {HTMLElement} */ parent, /** @type {string} */ name, /** @type {Chart} */ chart) {
  let figure = /** @type {HTMLElement | null} */ (parent.querySelector(`[data-chart="${CSS.escape(name)}"]`));
  if (!figure) {
    figure = h("figure", { class: "panel chart", "data-chart": name }, h("figcaption"), h("div", { class: "plot", role: "img" }), h("details", { class: "table" }));
    parent.append(figure);
    sizes.observe(figure.children[1]);
  }
  drawn.set(figure, chart);
  const [caption, plot, details] = /** @type {HTMLElement[]} */ ([...figure.children]);
  caption.textContent = chart.title;
  plot.setAttribute("aria-label", `${chart.title}: ${chart.alt}`);
  react(plot, chart);
  fillDetails(/** @type {HTMLDetailsElement} */ (details), chart);
}

/** @param {HTMLElement} plot @param {Chart} chart */
function react(plot, chart) {
  const Plotly = /** @type {any} */ (globalThis).Plotly;
  if (!Plotly) {
    plot.textContent = chart.alt;
    return;
  }
  const colours = pageColours();
  const layout = merged(baseLayout(colours), chart.layout?.(colours) ?? {});
  Plotly.react(plot, chart.traces(colours), layout, { displayModeBar: false });
}

/** The colours of the theme that is seen. */
function pageColours() {
  const probe = document.body.appendChild(h("span"));
  const names = ["ink", "faint", "line", "panel", "accent"];
  const found = Object.fromEntries(names.map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, getComputedStyle(probe).color];
  }));
  probe.remove();
  return found;
}

/** @param {Record<string, string>} colours */
function baseLayout(colours) {
  const axis = { gridcolor: colours.line, linecolor: colours.line, zeroline: false, tickcolor: colours.line, automargin: true };
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: colours.faint, family: "system-ui, sans-serif", size: 12 },
    margin: { l: 48, r: 12, t: 8, b: 40 },
    height: 260,
    hovermode: "x unified",
    hoverlabel: { bgcolor: colours.panel, bordercolor: colours.line, font: { color: colours.ink } },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
    xaxis: { ...axis, title: { text: "images shown to D" }, exponentformat: "none", tickformat: "~s" },
    yaxis: { ...axis },
  };
}

/** @param {any} base @param {any} more @returns {any} */
function merged(base, more) {
  const plain = (/** @type {any} */ value) => value !== null && typeof value === "object" && !Array.isArray(value);
  const entries = Object.entries(more).map(([name, value]) => [name, plain(value) && plain(base[name]) ? merged(base[name], value) : value]);
  return { ...base, ...Object.fromEntries(entries) };
}

/** The table is made when it is opened. @param {HTMLDetailsElement} details @param {Chart} chart */
export function fillDetails(details, chart) {
  const summary = h("summary", {}, "as a table");
  const fill = () => show(details, summary, details.open ? tableOf(chart) : null);
  details.ontoggle = () => details.open && !details.querySelector("table") && fill();
  fill();
}

/** @param {Chart} chart */
function tableOf({ heads, rows }) {
  const step = Math.max(1, Math.ceil(rows.length / MOST_ROWS));
  const few = rows.filter((_, place) => place % step === 0 || place === rows.length - 1);
  return h("div", { class: "scroll" }, h("table", { class: "plain" },
    h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, ...few.map((row) => h("tr", {}, ...row.map((value) => h("td", { class: "number" }, text(value))))))));
}

/** @param {any} value */
function text(value) {
  if (value === null || value === undefined) return "–";
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
}

document.documentElement.addEventListener("themechange", () => {
  for (const [figure, chart] of drawn) react(/** @type {HTMLElement} */ (figure.querySelector(".plot")), chart);
});
