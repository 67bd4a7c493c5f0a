// Figures that the server drew as trees of SVG elements: built one by one, text as text.
import { fillDetails } from "./charts.js";
import { h, show, svg } from "./dom.js";

const TAGS = new Set(["svg", "g", "line", "path", "rect", "circle", "text", "title"]);

/**
 * @typedef {[string, Record<string, string>, (string | Tree)[]?]} Tree
 * @typedef {{name: string, title: string, alt: string, drawing: Tree, heads: string[], rows: any[][], least: number, note: string}} Figure
 */

/** The element of a tree. @param {Tree} tree @returns {Element} */
export function built([tag, attributes, children = []]) {
  if (!TAGS.has(tag)) throw new Error(`a drawing has no <${tag}>`);
  return svg(tag, attributes, ...children.map((child) => (typeof child === "string" ? child : built(child))));
}

/** Draw, or draw anew, the figure in `parent`. @param {HTMLElement} parent @param {Figure} figure */
export function drawFigure(parent, figure) {
  let box = /** @type {HTMLElement | null} */ (parent.querySelector(`[data-figure="${CSS.escape(figure.name)}"]`));
  if (!box) {
    box = h("figure", { class: "panel chart", "data-figure": figure.name }, h("figcaption"), h("div", { class: "drawn" }), h("details", { class: "table" }));
    parent.append(box);
  }
  const [caption, plot, details] = /** @type {HTMLElement[]} */ ([...box.children]);
  caption.textContent = figure.title;
  fillPlot(plot, figure);
  fillDetails(/** @type {HTMLDetailsElement} */ (details), /** @type {any} */ (figure));
  return box;
}

/** The drawing where it is to stand; wide ones scroll. @param {HTMLElement} plot @param {Figure} figure */
function fillPlot(plot, figure) {
  const drawing = built(figure.drawing);
  drawing.setAttribute("role", "img");
  drawing.setAttribute("aria-label", `${figure.title}: ${figure.alt}`);
  sized(drawing, figure);
  const [left, focused] = [plot.scrollLeft, plot === document.activeElement];
  if (figure.least) plot.tabIndex = 0;
  show(plot, drawing);
  plot.scrollLeft = left;
  if (focused) plot.focus();
}

/** As wide as there is room, between what can be read and twice its own size. @param {Element} drawing @param {{least: number}} figure */
export function sized(drawing, figure) {
  const width = Number(drawing.getAttribute("width"));
  drawing.removeAttribute("width");
  drawing.removeAttribute("height");
  drawing.setAttribute("style", `min-width: ${figure.least || 0}px; max-width: ${Math.round(width * 1.6)}px`);
}

/** Take figures away that are no longer there. @param {HTMLElement} parent @param {Figure[]} figures */
export function keepOnly(parent, figures) {
  const names = new Set(figures.map((figure) => figure.name));
  for (const box of [...parent.children]) if (!names.has(box.getAttribute("data-figure") ?? "")) box.remove();
}
