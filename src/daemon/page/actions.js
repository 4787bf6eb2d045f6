// Who is selected in a cluster, and what can be done to them.

import { h, section, tell } from "./dom.js";
import { choice, field } from "./forms.js";
import { WORLD } from "./graph.js";
import { button, errors, said } from "./trouble.js";

/** Who is selected, in the order in which they were. */
export class Selection {
  names = [];
  constructor(changed) { this.changed = changed; }
  toggle(name) {
    this.names = this.names.includes(name) ? this.names.filter(other => other !== name) : [...this.names, name];
    this.changed();
  }
  clear() {
    this.names = [];
    this.changed();
  }
  get nodes() { return this.names.filter(name => name !== WORLD); }
}

/** What can be done to whom is selected. */
export function actions({ selection, change }) {
  const trouble = errors(), whom = h("p", { class: "whom", role: "status" });
  const lasting = h("input", { size: 9, placeholder: "until healed", autocomplete: "off", spellcheck: "false" });
  const delay = h("input", { size: 7, value: "100ms", autocomplete: "off", spellcheck: "false" });
  const loss = h("input", { size: 7, value: "30%", autocomplete: "off", spellcheck: "false" });
  const where = choice({ from: "all that they send", both: "all that they send and get", between: "between them" });
  const buttons = [];
  const span = () => lasting.value.trim() || null;

  const inject = async fault => {
    const { id, text } = await change("POST", ["faults"], { fault, for: span() });
    said(`${id} ${text} is in force`);
  };
  const act = action => async () => {
    for (const node of selection.nodes) {
      const halts = ["stop", "pause", "kill"].includes(action), more = halts ? { for: span() } : {};
      const { node: { status } } = await change("POST", ["nodes", node, "actions"], { action, ...more });
      said(`${node}: ${action}, is ${status}`);
    }
  };
  const shape = (kind, how) => inject({
    kind, nodes: selection.names, ...how, both: where.value === "both", ...where.value === "between" && { to: selection.names },
  });
  const cut = async (source, target) => inject({ kind: "block", source: [source], target: [target] });

  /** A button that can be pressed where `fits` says so of the selection. */
  const offer = (label, fits, work, attributes) => {
    const made = button(typeof label === "string" ? label : "", trouble, work, attributes);
    buttons.push(() => {
      if (typeof label !== "string") tell(made, label(selection.names));
      made.disabled = !fits(selection);
    });
    return made;
  };
  const some = ({ names }) => names.length > 0, two = ({ names }) => names.length === 2;
  const onlyNodes = ({ names, nodes }) => nodes.length > 0 && nodes.length === names.length;
  const pair = (from, to, arrow) => names => {
    const [source, target] = [from, to].map(index => names.length === 2 ? names[index] : "AB"[index]);
    return `Cut ${source} ${arrow} ${target}`;
  };

  const cuts = [
    offer("Partition selection from the rest", onlyNodes, () => inject({ kind: "partition", groups: [selection.nodes] })),
    offer("Isolate", onlyNodes, () => inject({ kind: "isolate", nodes: selection.nodes })),
    offer(pair(0, 1, "→"), two, () => cut(...selection.names)),
    offer(pair(1, 0, "→"), two, () => cut(...selection.names.toReversed())),
    offer(pair(0, 1, "⇄"), two, async () => {
      await cut(...selection.names);
      await cut(...selection.names.toReversed());
    }),
  ];
  const shapes = [
    field("Packets", where),
    h("p", { class: "field" }, h("label", {}, "Delay ", delay),
      offer("Slow", some, () => shape("slow", { delay: delay.value.trim() }))),
    h("p", { class: "field" }, h("label", {}, "Loss ", loss),
      offer("Flaky", some, () => shape("flaky", { loss: loss.value.trim() }))),
  ];
  const verbs = ["Start", "Stop", "Restart", "Kill", "Pause", "Resume"];
  const element = section("Selection", {}, whom, trouble,
    h("div", { class: "row" }, field("for", lasting, "like 30s"), offer("Clear selection", some, async () => selection.clear())),
    h("div", { class: "buttons", role: "group", "aria-label": "Cut" }, cuts),
    h("div", { class: "row", role: "group", "aria-label": "Impair" }, shapes),
    h("div", { class: "buttons", role: "group", "aria-label": "Nodes" },
      verbs.map(verb => offer(verb, onlyNodes, act(verb.toLowerCase())))));
  const update = () => {
    whom.className = some(selection) ? "whom" : "quiet";
    tell(whom, selection.names.join(", ") || "Nobody: press nodes of the graph, by pointer or with the space key.");
    for (const refresh of buttons) refresh();
  };
  return { element, update };
}
