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

let labels = 0;

/** A control with its label before it. */
export function field(label, control, hint) {
  control.id ||= `field-${++labels}`;
  if (hint) control.setAttribute("aria-describedby", `${control.id}-hint`);
  return h("p", { class: "field" }, h("label", { for: control.id }, label), control,
    hint && h("small", { id: `${control.id}-hint` }, hint));
}

/** A select with a text for each value. */
export const choice = (options, attributes) =>
  h("select", attributes, Object.entries(options).map(([value, text]) => h("option", { value }, text)));

/** A section with a heading that can be given the focus. */
export const section = (title, attributes, ...children) =>
  h("section", attributes, h("h2", { tabindex: -1 }, title), ...children);

/** The heading of a view, where the focus goes when the view is opened. */
export const title = (...children) => h("h1", { tabindex: -1 }, ...children);

/** Where a part of a view tells its errors. */
export const errors = () => h("div", { class: "errors" });

/** Does something once at a time; an error is told, and gets the focus. */
export async function attempt(button, place, work) {
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  place.replaceChildren();
  try {
    await work();
  } catch (error) {
    if (error.name !== "AbortError") show(place, error);
  } finally {
    button.removeAttribute("aria-busy");
  }
}

/** An error as a terminal would show it. */
export function show(place, error) {
  const close = h("button", { type: "button", onclick: () => place.replaceChildren() }, "Dismiss");
  const text = h("pre", { tabindex: -1 }, String(error.text ?? error.message).trimEnd());
  place.replaceChildren(h("div", { class: "card fail", role: "alert" }, text, close));
  text.focus();
}

/** An error of what nobody asked for just now: told, but the focus stays where it is. */
export function mention(place, error) {
  const { text } = error;
  if (!error.status || place.querySelector("pre")?.textContent === text.trimEnd()) return;
  const had = document.activeElement;
  show(place, error);
  had?.focus();
}

/** A button that does something, and tells what went wrong. */
export const button = (label, place, work, attributes) => {
  const made = h("button", { type: "button", ...attributes }, label);
  made.addEventListener("click", () => attempt(made, place, work));
  return made;
};

/** A form whose button does something with its fields. */
export function form(label, place, work, ...children) {
  const submit = h("button", { class: "main" }, label);
  const made = h("form", { novalidate: true }, children, h("p", {}, submit), place);
  made.addEventListener("submit", event => {
    event.preventDefault();
    attempt(submit, place, work);
  });
  return made;
}

/** Asks before something that cannot be undone. */
export function confirm(text, label) {
  return new Promise(resolve => {
    const dialog = h("dialog", { "aria-label": text },
      h("form", { method: "dialog" }, h("p", {}, text),
        h("p", { class: "buttons" }, h("button", { value: "no", autofocus: true }, "Cancel"),
          h("button", { value: "yes", class: "danger" }, label))));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Tells what was done, also to who cannot see it. */
export function said(text) {
  const place = document.getElementById("said");
  place.textContent = text;
  clearTimeout(said.timer);
  said.timer = setTimeout(() => { place.textContent = ""; }, 8000);
}
