// A journal as lines for people, as it grows.

import { grow, h } from "./dom.js";

/** So many lines are kept on the page; all of them are in the journal. */
const LINES_MAX = 1000;

const seconds = us => `${(us / 1e6).toFixed(3)} s`;

/** How long something took, with three digits that matter. */
const lasted = us => us < 1e3 ? `${us} µs` : us < 1e6 ? `${+(us / 1e3).toPrecision(3)} ms` : `${+(us / 1e6).toPrecision(3)} s`;

const percent = share => `${+(share * 100).toPrecision(6)} %`;

/** What is done to packets. */
function impairment({ delay_us, jitter = [], loss, rate_bits, duplicate, corrupt, reorder, bursts }) {
  const chance = (name, { p } = { p: 0 }) => p > 0 && `${name} ${percent(p)}`;
  return [
    delay_us > 0 && `delay ${delay_us / 1e3} ms`,
    ...jitter.map(({ us, distribution }) => ["jitter", us / 1e3, "ms", distribution].filter(Boolean).join(" ")),
    loss > 0 && `loss ${percent(loss)}`, bursts && "loss in bursts",
    chance("duplicate", duplicate), chance("corrupt", corrupt), chance("reorder", reorder),
    rate_bits && `rate ${rate_bits / 1e3} kbit`,
  ].filter(Boolean).join(", ");
}

function links({ pairs, filter = {} }) {
  const shown = pairs.slice(0, 6).map(([source, target]) => `${source} → ${target}`);
  if (pairs.length > 6) shown.push(`and ${pairs.length - 6} more`);
  const { proto, port, family } = filter, only = [proto, port && `port ${port}`, family].filter(Boolean).join(" ");
  return only ? `${shown.join(", ")} (${only})` : shown.join(", ");
}

/** A fault's value in one line. */
function faultText(fault) {
  switch (fault.kind) {
    case "partition": return `partition ${fault.groups.map(group => `{${group.join(", ")}}`).join(" | ")}`;
    case "one_way": return `one_way ${fault.source.join(", ")} → ${fault.target.join(", ")}`;
    case "block": case "reject": return `${fault.kind} ${links(fault.links)}`;
    case "degrade": return `${fault.verb} ${links(fault.links)}: ${impairment(fault.impairment)}`;
    case "kill": return `kill ${fault.nodes.join(", ")} with ${fault.signal}`;
    default: return fault.nodes ? `${fault.kind} ${fault.nodes.join(", ")}` : fault.kind;
  }
}

const ended = how => "code" in how ? `exit code ${how.code}` : `signal ${how.signal}`;

/** What each kind of event is, as a mark, a text and a colour; nothing for what is only noise to a person. */
const KINDS = {
  "cluster.up": ({ nodes, took_us }) => ["up", `${nodes.join(" ")} in ${lasted(took_us)}`],
  "cluster.add": ({ nodes }) => ["add", nodes.join(" ")],
  "cluster.down": ({ errors }) =>
    errors.length ? ["down", `left behind: ${errors.join("; ")}`, "fail"] : ["down", "everything is removed"],
  "fault.inject": ({ id, fault, t_us }, active) => { active.set(id, { text: faultText(fault), t_us }); },
  "fault.active": ({ id }, active) => ["fault", `${id} ${active.get(id)?.text ?? ""}`, "cut"],
  "fault.failed": ({ id, error }) => ["failed", `${id} ${error}`, "fail"],
  "fault.heal": () => undefined,
  "fault.healed": ({ id, t_us }, active) => {
    const { text, t_us: since } = active.get(id) ?? { text: "", t_us };
    active.delete(id);
    return ["healed", `${id} ${text}, after ${lasted(t_us - since)}`, "ok"];
  },
  "fault.narrow": ({ id, fault }, active) => {
    if (active.has(id)) active.get(id).text = faultText(fault);
  },
  "fault.narrowed": ({ id }, active) => ["healed", `${id} in part, left is ${active.get(id)?.text ?? ""}`, "ok"],
  "node.start": ({ node }) => ["start", node],
  "node.resume": ({ node }) => ["resume", node],
  "node.restart": ({ node }) => ["restart", node],
  "node.up": ({ node, gap_us }) => gap_us == null ? undefined : ["up", `${node}, for ${lasted(gap_us)} without its faults`],
  "node.paused": ({ node }) => ["paused", `${node} by somebody else`],
  "node.missing": ({ node }) => ["missing", `${node} was removed by somebody else`, "fail"],
  "node.exit": ({ node, ended: how, expected, log = [] }) =>
    expected ? undefined : ["exit", [`${node} by itself, ${ended(how)}`, ...log].join("\n"), "fail"],
  "observe": () => undefined,
  "param": () => undefined,
  "op.invoke": () => undefined,
  "op.ok": () => undefined,
  "op.fail": () => undefined,
  "op.info": () => undefined,
  "note": ({ message }) => ["note", message],
  "metric": ({ name, value }) => ["metric", `${name} = ${value}`],
  "phase": ({ name }) => ["phase", name],
  "check": ({ name, ok, unknown, message }) =>
    unknown ? ["UNKNOWN", `${name}: ${message}`, "unknown"] : [ok ? "holds" : "FAILED", `${name}: ${message}`, ok ? "ok" : "fail"],
  "verdict": ({ verdict, message }) => ["verdict", message ? `${verdict}: ${message}` : verdict, verdict],
};

/** What a later version may have more: as it stands. */
function unknown({ kind, seq, t_us, task, ...rest }) {
  return [kind, JSON.stringify(rest)];
}

function line(event, active) {
  const described = KINDS[event.kind] ?? (event.kind && unknown);
  const [mark, text, colour = ""] = described?.(event, active) ?? [];
  if (!mark) return null;
  return h("li", { class: colour }, h("span", { class: "time" }, seconds(event.t_us)), h("b", {}, mark),
    h("span", { class: "text" }, text));
}

/** A list that takes events. What comes at once is shown at once. */
export function timeline(label) {
  const list = h("ol", { class: "timeline", role: "log", "aria-live": "off", "aria-label": label, tabindex: 0 });
  const active = new Map();
  let waiting = [];
  const flush = () => {
    grow(list, () => {
      list.append(...waiting.slice(-LINES_MAX));
      while (list.childElementCount > LINES_MAX) list.firstElementChild.remove();
    });
    waiting = [];
  };
  const add = event => {
    const made = line(event, active);
    if (!made) return;
    if (!waiting.length) setTimeout(flush, 16);
    waiting.push(made);
  };
  return { list, add };
}
