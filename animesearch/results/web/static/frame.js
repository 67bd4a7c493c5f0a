// What every page has: the theme, the list of keys, and keys that lead to pages.
import { byId } from "./dom.js";

const WAIT_MS = 1200;
let afterG = 0;

/** Whether the key belongs to what is being written. @param {Event} event */
function isWriting(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  return target.matches("input:not([type=range]):not([type=checkbox]), textarea, select");
}

/** The other theme than the one that is seen. */
function toggleTheme() {
  const root = document.documentElement;
  const dark = getComputedStyle(root).getPropertyValue("--dark").trim() === "1";
  root.dataset.theme = dark ? "light" : "dark";
  try {
    localStorage.setItem("animesearch-theme", root.dataset.theme);
  } catch {
    // storage is off: the choice lasts as long as the page
  }
  root.dispatchEvent(new CustomEvent("themechange"));
}

function showHelp() {
  const help = /** @type {HTMLDialogElement} */ (byId("help"));
  if (!help.open) help.showModal();
}

/** To the page whose letter was pressed after g. @param {string} key */
function goTo(key) {
  const tab = document.querySelector(`nav a[data-key="${CSS.escape(key)}"]`);
  if (tab) location.assign(/** @type {HTMLAnchorElement} */ (tab).href);
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (isWriting(event) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector("dialog[open]")) return;
  if (Date.now() - afterG < WAIT_MS) {
    afterG = 0;
    goTo(event.key);
    return;
  }
  const actions = { g: () => (afterG = Date.now()), t: toggleTheme, "?": showHelp, "/": toFilter };
  const action = actions[/** @type {keyof typeof actions} */ (event.key)];
  if (!action) return;
  event.preventDefault();
  action();
}

function toFilter() {
  document.getElementById("where")?.focus();
}

document.addEventListener("keydown", onKey);
byId("theme").addEventListener("click", toggleTheme);
byId("ask").addEventListener("click", showHelp);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
  document.documentElement.dispatchEvent(new CustomEvent("themechange")),
);
