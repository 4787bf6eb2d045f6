// Elements from texts and values. Whatever is put in stays a text: nothing here reads markup.

const SVG = "http://www.w3.org/2000/svg";

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter(child => child != null && child !== false));
  return element;
}

/** An HTML element; attributes called on… are listeners. */
export const h = (tag, attributes, ...children) => filled(document.createElement(tag), attributes, children);

/** An SVG element. */
export const s = (tag, attributes, ...children) => filled(document.createElementNS(SVG, tag), attributes, children);

/** Sets a text only where it changes, so that a screen reader hears of changes alone. */
export function tell(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const kept = new WeakMap();

/**
 * Makes a parent hold one element for each item, in their order. Those that are there already stay the same elements, and
 * keep the focus; where the one that had it goes, the next one gets it.
 */
export function keyed(parent, items, key, make, update) {
  const before = kept.get(parent) ?? new Map(), after = new Map();
  for (const item of items) {
    const name = key(item), element = before.get(name) ?? make(item);
    update?.(element, item);
    after.set(name, element);
  }
  const orphan = [...before].findIndex(([name, element]) => !after.has(name) && element.contains(document.activeElement));
  for (const [name, element] of before) if (!after.has(name)) element.remove();
  let place = parent.firstElementChild;
  for (const element of after.values()) {
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  kept.set(parent, after);
  if (orphan >= 0) refocus(parent, [...after.values()][Math.min(orphan, after.size - 1)]);
}

function refocus(parent, element) {
  const next = element?.querySelector("button, a") ?? parent.closest("section")?.querySelector("h2");
  next?.focus();
}

/** A section with a heading that can be given the focus. */
export const section = (title, attributes, ...children) =>
  h("section", attributes, h("h2", { tabindex: -1 }, title), ...children);

/** The heading of a view, where the focus goes when the view is opened. */
export const title = (...children) => h("h1", { tabindex: -1 }, ...children);

/** Makes a change to what scrolls; who looks at its end goes on doing so. */
export function grow(element, change) {
  const isAtEnd = element.scrollTop + element.clientHeight > element.scrollHeight - 8;
  change();
  if (isAtEnd) element.scrollTop = element.scrollHeight;
}
