// One run: how it stands, its timeline as it grows, what it prints, and what it leaves.

import { ask, follow, path, watch } from "./api.js";
import { grow, h, keyed, section, tell, title } from "./dom.js";
import { timeline } from "./timeline.js";
import { button, errors, mention } from "./trouble.js";
import { verdictOf, word } from "./runs.js";

/** So much of what a run prints is kept on the page, characters. */
const OUTPUT_MAX = 200_000;

const decoded = ({ text, base64 }) =>
  text ?? new TextDecoder().decode(Uint8Array.from(atob(base64), character => character.charCodeAt(0)));

/** What a run prints: pieces, of which the oldest go. */
function print(output, text) {
  grow(output, () => {
    output.append(text);
    let size = output.textContent.length;
    for (; size > OUTPUT_MAX; output.firstChild.remove()) size -= output.firstChild.data.length;
  });
}

/** Why it did not pass: with its place, and what it printed where it never began. */
function reason({ state, verdict, result, exit_code }, printed) {
  const { message, file, line, column } = result?.failure ?? {};
  if (message) return [message, file && ` --> ${[file, line, column].filter(Boolean).join(":")}`].filter(Boolean).join("\n");
  return state === "ended" && !verdict && exit_code !== 0 ? printed : "";
}

/** The view of the run of this id. */
export function run(signal, id) {
  const at = (...parts) => path("runs", id, ...parts);
  const trouble = errors(), state = {}, verdict = h("span", { class: "word" }), facts = h("dl", { class: "facts" });
  const events = timeline(`Timeline of ${id}`), output = h("pre", { tabindex: 0, "aria-label": "Output" });
  const message = h("pre", { class: "message" }), files = h("ul", { class: "files" });
  const why = h("div", { class: "card fail", role: "alert", hidden: true }, message);
  const report = h("a", { href: at("report"), target: "_blank", rel: "noopener", hidden: true }, "Report");
  const end = async () => {
    await ask("POST", at("cancel"));
    watching.wake();
  };
  const cancel = button("Cancel", trouble, end, { class: "danger", hidden: true });

  const render = () => {
    word(verdict, verdictOf(state));
    cancel.hidden = state.state !== "running";
    report.hidden = state.state === "running";
    const { script, seed, runtime, started, exit_code } = state;
    const shown = Object.entries({ script, seed, runtime, started, "exit code": exit_code });
    keyed(facts, shown.filter(([, value]) => value != null), ([name, value]) => `${name} ${value}`,
      ([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value))));
    const told = reason(state, output.textContent).trimEnd();
    why.hidden = !told;
    tell(message, told);
  };
  const look = async () => {
    Object.assign(state, await ask("GET", at(), undefined, signal));
    render();
    const { files: found } = await ask("GET", at("files"), undefined, signal);
    keyed(files, found, file => file.path, file => h("li", {},
      h("a", { href: `${at("files")}/${file.path.split("/").map(encodeURIComponent).join("/")}` }, file.path), h("small", {})),
      (element, file) => tell(element.lastChild, ` ${file.bytes} bytes`));
  };
  const watching = watch(signal, () => state.state === "running" ? 2000 : 30_000, look, error => mention(trouble, error));

  follow(at("events"), { signal, last: "end", each: ({ kind, data }) => kind !== "end" && events.add(data) }).then(watching.now);
  follow(at("output"), {
    signal, last: "exit",
    each: ({ kind, data }) => {
      if (kind === "out" || kind === "err") print(output, decoded(data));
    },
  }).then(watching.now);

  return [
    h("div", { class: "bar" }, title(id), verdict, report, cancel), trouble, facts, why,
    section("Timeline", { id: "timeline" }, events.list),
    section("Output", { id: "output" }, output),
    section("Files", {}, files),
  ];
}
