// Runs before the first paint: a classic script, so that the page does not flash in the other theme.
"use strict";
try {
  const chosen = localStorage.getItem("animesearch-theme");
  if (chosen === "dark" || chosen === "light") {
    document.documentElement.dataset.theme = chosen;
  }
} catch {
  // storage is off: the system's theme it is
}
