// The filter of pages that show several trials; the server reads it, the address keeps it.
import { byId } from "./dom.js";

const PAUSE_MS = 250;

/** A value that the page's address keeps. @param {string} name */
export function kept(name) {
  return new URLSearchParams(location.search).get(name) ?? "";
}

/** Keep a value in the address, so that it can be sent to others. @param {string} name @param {string} value */
export function keep(name, value) {
  const query = new URLSearchParams(location.search);
  if (value) query.set(name, value);
  else query.delete(name);
  const text = query.toString();
  history.replaceState(null, "", text ? `?${text}` : location.pathname);
}

/** The address with the filter behind it. @param {string} address */
export function filtered(address) {
  const where = kept("where");
  return where ? `${address}?where=${encodeURIComponent(where)}` : address;
}

/** Call `changed` when the filter is another. @param {() => void} changed */
export function enableFilter(changed) {
  const input = /** @type {HTMLInputElement} */ (byId("where"));
  let timer = 0;
  input.value = kept("where");
  const apply = () => {
    clearTimeout(timer);
    if (input.value.trim() === kept("where")) return;
    keep("where", input.value.trim());
    changed();
  };
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(apply, PAUSE_MS);
  });
  input.addEventListener("keydown", (event) => event.key === "Escape" && input.blur());
  byId("filter").addEventListener("submit", (event) => {
    event.preventDefault();
    apply();
  });
}

/** Show what is wrong with the filter and where; false for another problem. */
export function filterProblem(/** @type {string} */ problem, /** @type {Response} */ response) {
  const position = Number(response.headers.get("X-Filter-Position"));
  if (!position) return false;
  const where = kept("where");
  const near = where.slice(position - 1, position + 15);
  byId("filter-problem").textContent = `At ${near ? `“${near}”` : "the end"}: ${problem}`;
  byId("where").setAttribute("aria-invalid", "true");
  return true;
}

/** The filter is right. */
export function filterRight() {
  byId("filter-problem").textContent = "";
  byId("where").removeAttribute("aria-invalid");
}
