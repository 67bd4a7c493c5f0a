// A table that is sorted by any column; on a narrow screen each row becomes a card.
import { h, show } from "./dom.js";

/**
 * @typedef {object} Column
 * @property {string} name
 * @property {string} label
 * @property {(row: any) => any} value what to sort by
 * @property {(row: any) => any} cell what to show
 * @property {boolean} [numeric]
 * @property {string} [group] of the menu of columns
 * @property {boolean} [shown] without being chosen
 */

/** @param {any[]} rows @param {Column | undefined} column @param {boolean} down */
export function sorted(rows, column, down) {
  if (!column) return rows;
  const sign = down ? -1 : 1;
  return [...rows].sort((a, b) => compare(column.value(a), column.value(b), sign));
}

/** What has no value comes last in either direction. */
function compare(/** @type {any} */ a, /** @type {any} */ b, /** @type {number} */ sign) {
  if (isNone(a) || isNone(b)) return Number(isNone(a)) - Number(isNone(b));
  if (typeof a === "number" && typeof b === "number") return sign * (a - b);
  return sign * String(a).localeCompare(String(b), "en", { numeric: true });
}

/** @param {any} value */
function isNone(value) {
  return value === null || value === undefined;
}

/**
 * Draw the table; rows that are there already are replaced where they stand, the focus stays.
 * @param {HTMLTableElement} table
 * @param {Column[]} columns
 * @param {any[]} rows
 * @param {{by: string, down: boolean, onSort: (name: string) => void, key: (row: any) => string}} options
 */
export function drawTable(table, columns, rows, options) {
  const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.closest?.("[data-row]")?.getAttribute("data-row");
  const head = h("thead", {}, h("tr", {}, ...columns.map((column) => header(column, options))));
  const body = h("tbody", {}, ...rows.map((row) => bodyRow(columns, row, options.key(row))));
  const caption = table.querySelector("caption");
  show(table, caption, head, body);
  if (focused) /** @type {HTMLElement | null} */ (table.querySelector(`[data-row="${CSS.escape(focused)}"]`))?.focus();
}

function header(/** @type {Column} */ column, /** @type {any} */ options) {
  const active = column.name === options.by;
  const sign = active ? (options.down ? " ▼" : " ▲") : "";
  const order = active ? (options.down ? "descending" : "ascending") : null;
  return h("th", { scope: "col", class: column.numeric ? "number" : null, "aria-sort": order },
    h("button", { type: "button", onclick: () => options.onSort(column.name) }, column.label + sign));
}

/** @param {Column[]} columns @param {any} row @param {string} key */
function bodyRow(columns, row, key) {
  const cells = columns.map((column) =>
    h("td", { class: [column.name.replace(/\W/g, "-"), column.numeric ? "number" : ""].join(" "), "data-label": column.label }, column.cell(row)));
  return h("tr", { "data-row": key, tabindex: "-1" }, ...cells);
}
