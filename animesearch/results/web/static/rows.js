// j and k through the rows of a page, Enter opens the one that has the focus.

/** @param {() => HTMLElement[]} rows those that can be gone through now */
export function enableRows(rows) {
  document.addEventListener("keydown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.matches("input, select, textarea") || document.querySelector("dialog[open]")) return;
    if (event.key === "j" || event.key === "k") step(rows(), event.key === "j" ? 1 : -1);
    if (event.key === "Enter" && target.matches("[data-row]")) {
      target.querySelector("a")?.click();
    }
  });
}

/** @param {HTMLElement[]} rows @param {number} by */
function step(rows, by) {
  const here = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[here < 0 ? (by > 0 ? 0 : rows.length - 1) : here + by];
  if (!next) return;
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}
