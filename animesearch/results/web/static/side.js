// Tables with a column for each of what is compared, and curves over one another.
import { drawChart, look } from "./charts.js";
import { h, show } from "./dom.js";
import { imagesText, scoreText } from "./format.js";

/**
 * @typedef {{head: string, cells: any[], differs?: boolean}} Line
 *
 * @param {HTMLElement} table @param {any[]} heads @param {Line[]} lines
 */
export function drawSides(table, heads, lines) {
  const body = lines.map((line) => h("tr", { class: line.differs ? "differs" : null },
    h("th", { scope: "row" }, line.differs ? h("abbr", { title: "differs", class: "differs-mark" }, "≠ ") : null, line.head),
    ...line.cells.map((cell) => h("td", {}, cell))));
  show(table, h("thead", {}, h("tr", {}, h("td", {}), ...heads.map((head) => h("th", { scope: "col" }, head)))), h("tbody", {}, ...body));
}

/**
 * @param {HTMLElement} parent @param {string} name
 * @param {{title: string, metric: string, across: string, step?: boolean}} how
 * @param {{name: string, points: [number, number][]}[]} lines
 */
export function drawCurves(parent, name, { title, metric, across, step = false }, lines) {
  const known = lines.filter((line) => line.points.length > 0);
  if (known.length === 0) {
    parent.querySelector(`[data-chart="${CSS.escape(name)}"]`)?.remove();
    return;
  }
  const values = known.flatMap((line) => line.points.map((point) => point[1]));
  const wide = Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) > 8;
  const at = (/** @type {any} */ line) => lines.indexOf(line);
  drawChart(parent, name, {
    title,
    alt: known.map((line) => ending(line, metric)).join("; "),
    traces: () => known.map((line) => ({
      x: line.points.map((point) => point[0]), y: line.points.map((point) => point[1]), name: line.name, mode: "lines+markers",
      line: { color: look(at(line)).color, dash: look(at(line)).dash, width: 2, shape: step ? "hv" : "linear" },
      marker: { size: step ? 4 : 8, symbol: look(at(line)).symbol },
    })),
    layout: () => ({ height: 340, xaxis: { title: { text: across } }, yaxis: wide ? { type: "log" } : {} }),
    heads: ["", across, metric],
    rows: known.flatMap((line) => line.points.map((point) => [line.name, point[0], point[1]])),
  });
}

/** @param {{name: string, points: [number, number][]}} line @param {string} metric */
function ending(line, metric) {
  const [images, score] = line.points[line.points.length - 1];
  return `${line.name} ends at ${metric} ${scoreText(score)} after ${imagesText(images)}`;
}
