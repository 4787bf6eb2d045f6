// What somebody does, and how they hear what came of it.

import { h } from "./dom.js";

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
    if (error.name === "AbortError") return;
    put(place, error).focus();
  } finally {
    button.removeAttribute("aria-busy");
  }
}

/** An error as a terminal would show it; gives what holds its text. */
function put(place, error) {
  const dismiss = () => {
    const heading = place.closest("section")?.querySelector("h2") ?? document.querySelector("h1");
    place.replaceChildren();
    heading.focus();
  };
  const close = h("button", { type: "button", onclick: dismiss }, "Dismiss");
  const text = h("pre", { tabindex: -1 }, String(error.text ?? error.message).trimEnd());
  place.replaceChildren(h("div", { class: "card fail", role: "alert" }, text, close));
  return text;
}

/** Errors that nobody asked for, as they are shown. */
const mentioned = new WeakSet();

/**
 * An error of what nobody asked for just now, or null where it is over: told once, and the focus stays where it is. That the
 * daemon does not answer is told for all of the page.
 */
export function mention(place, error) {
  if (error === null) return settle(place);
  if (!error.text) return reportError(error);
  if (!error.status || place.querySelector("pre")?.textContent === error.text.trimEnd()) return;
  put(place, error);
  mentioned.add(place.firstChild);
}

/** What was mentioned is over; what somebody has asked for stays until they dismiss it. */
function settle(place) {
  if (mentioned.has(place.firstChild)) place.replaceChildren();
}

/** A button that does something, and tells what went wrong. */
export const button = (label, place, work, attributes) => {
  const made = h("button", { type: "button", ...attributes }, label);
  made.addEventListener("click", () => attempt(made, place, work));
  return made;
};

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

let forgetting;

/** Tells what was done, also to who cannot see it. */
export function said(text) {
  const place = document.getElementById("said");
  place.textContent = text;
  clearTimeout(forgetting);
  forgetting = setTimeout(() => { place.textContent = ""; }, 8000);
}
