// Building pages: text goes in as text, never as markup.

/**
 * An element.
 * @param {string} tag
 * @param {Record<string, unknown>} [attributes] `class`, `onclick`, `data-x`, ...; null leaves one out
 * @param {...(Node | string | number | null | undefined)} children
 * @returns {HTMLElement}
 */
export function h(tag, attributes = {}, ...children) {
  return /** @type {HTMLElement} */ (fill(document.createElement(tag), attributes, children));
}

/**
 * An element of a drawing; the arguments are those of `h`.
 * @param {string} tag
 * @param {Record<string, unknown>} [attributes]
 * @param {...(Node | string | null)} children
 */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

/** @param {Element} element @param {Record<string, unknown>} attributes @param {unknown[]} children */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), /** @type {any} */ (value));
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined).map(asNode));
  return element;
}

/** @param {unknown} child @returns {Node} */
function asNode(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}

/** The element of that id, which the page's template has. @param {string} id */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/** Put `children` in the place of what is in `element`. @param {Element} element @param {...any} children */
export function show(element, ...children) {
  element.replaceChildren(...children.filter((child) => child !== null).map(asNode));
}

/** The address of a file of the run on this page. @param {string} path */
export function fileAddress(path) {
  return `${document.body.dataset.base}/files/${path}`;
}

/** The address of a trial's page. @param {string} trial */
export function trialAddress(trial) {
  return `${document.body.dataset.base}/trials/${encodeURIComponent(trial)}`;
}
