// Pairs of a name and a value, and what a run's scores mean.
import { h } from "./dom.js";

/** @param {string} name @param {any} value */
export function fact(name, value) {
  return h("div", { class: "fact" }, h("span", { class: "name" }, name), h("span", { class: "value" }, value));
}

/** @param {Record<string, any>} protocol @param {string} id */
export function protocolBox(protocol, id) {
  const lines = flat(protocol).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);
  return h("details", { class: "protocol" },
    h("summary", {}, `protocol ${id}`), h("dl", {}, ...lines));
}

/** @param {Record<string, any>} tree @returns {[string, string][]} */
function flat(tree, prefix = "") {
  return Object.entries(tree).flatMap(([name, value]) =>
    value && typeof value === "object" && !Array.isArray(value)
      ? flat(value, `${prefix}${name}.`)
      : /** @type {[string, string][]} */ ([[`${prefix}${name}`, String(value)]]));
}

/** How many trials there are, of how many. @param {any} run */
export function trialsText(run) {
  const finals = run.finals ? ` and ${run.finals} from new seeds` : "";
  return `${countsText(run.counts)}; ${run.planned} planned${finals}`;
}

/** @param {Record<string, number>} counts */
function countsText(counts) {
  const order = ["running", "completed", "pruned", "collapsed", "failed", "pending"];
  return order.filter((state) => counts[state]).map((state) => `${counts[state]} ${state}`).join(", ") || "none yet";
}
