// Forms: controls with labels, and what they hold.

import { Problem, integer } from "./api.js";
import { h } from "./dom.js";
import { attempt } from "./trouble.js";

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

/** What a control holds; nothing where it is empty. */
export const given = control => control.value.trim() || undefined;

/** Digits as a number, or an error in the words of the command line. */
export function seedOf(control) {
  const digits = given(control);
  if (!digits || /^\d+$/.test(digits)) return digits && integer(digits);
  throw new Problem(0, `error: "${digits}" is no seed\nhelp: write a whole number, or leave it out for a fresh one`);
}

/** Lines of NAME=VALUE as an object. */
export function paramsOf(control) {
  const lines = control.value.split("\n").map(line => line.trim()).filter(Boolean);
  return Object.fromEntries(lines.map(line => {
    const at = line.indexOf("=");
    if (at < 1) throw new Problem(0, `error: "${line}" is no NAME=VALUE`);
    return [line.slice(0, at), line.slice(at + 1)];
  }));
}

export const RUNTIMES = { "": "as the file says", netns: "netns", docker: "docker", sim: "sim" };

/** A text that is written, pasted, or read from a file of this machine. */
export function sheet(label, attributes, hint) {
  const area = h("textarea", { rows: 9, spellcheck: "false", autocapitalize: "off", ...attributes });
  const file = h("input", { type: "file", "aria-label": `${label} from a file` });
  file.addEventListener("change", async () => {
    if (file.files[0]) area.value = await file.files[0].text();
  });
  return { area, file, element: h("div", { class: "sheet" }, field(label, area, hint), file) };
}
