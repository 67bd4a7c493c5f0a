// All runs of a folder, those of one protocol together.
import { byId, h, show } from "./dom.js";
import { fact, trialsText } from "./facts.js";
import { plural, scoreText } from "./format.js";
import { poll } from "./poll.js";
import { enableRows } from "./rows.js";

const MOST_COMPARED = 6;

/** @param {any} run */
function card(run) {
  const address = `/runs/${encodeURIComponent(run.key)}/`;
  const title = h("h3", {}, h("a", { href: address }, run.key));
  if (run.problem) return h("article", { class: "panel run-card", "data-row": run.key, tabindex: "-1" }, title, h("p", { class: "warning" }, run.problem));
  const best = run.best ? `${scoreText(run.best.score)} (${run.best.trial})` : "no score yet";
  const damage = run.damage ? h("p", { class: "warning" }, `${plural(run.damage, "record")} cannot be read`) : null;
  return h("article", { class: "panel run-card", "data-row": run.key, tabindex: "-1" },
    title, picture(run, address), h("div", { class: "facts" },
      fact("name", run.name), fact("begun", run.created.replace("T", " ").slice(0, 16)),
      fact("best", best), fact("trials", trialsText(run)),
      fact("search", run.outcome || "running, or cut off")), damage);
}

/** @param {any} run @param {string} address */
function picture(run, address) {
  if (!run.thumbnail) return null;
  return h("img", { src: `${address}files/${run.thumbnail}`, alt: `samples of the best trial of ${run.key}`, loading: "lazy", class: "run-picture" });
}

/** Where runs of one protocol stand side by side. @param {any[]} runs */
function compareLink(runs) {
  if (runs.length < 2) return null;
  const names = runs.slice(0, MOST_COMPARED).map((run) => encodeURIComponent(run.key)).join(",");
  return h("a", { class: "compare", href: `/compare?runs=${names}` }, " compare");
}

/** @param {any[]} runs */
function grouped(runs) {
  /** @type {Map<string, any[]>} */
  const groups = new Map();
  for (const run of runs) {
    const id = run.protocol_id ?? "";
    groups.set(id, [...(groups.get(id) ?? []), run]);
  }
  return [...groups];
}

poll(() => "/api/runs", (data) => {
  show(byId("runs"), ...grouped(data.runs).map(([id, runs]) =>
    h("section", {}, h("h2", {}, id ? `${runs[0].metric}, protocol ${id}` : "cannot be read", id ? compareLink(runs) : null),
      h("div", { class: "run-cards" }, ...runs.map(card)))));
});
enableRows(() => [.../** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("#runs [data-row]"))]);
