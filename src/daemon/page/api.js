// The way to the daemon: requests, streams of events, and whether it is there.

/** What the daemon refused, with the text a terminal would have shown. */
export class Problem extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
    this.text = text;
  }
}

/** The daemon did not answer. */
class Lost extends Error {
  text = "error: the daemon does not answer\nhelp: this page tries again until it does; then do it once more";
}

/** Says `lost` when the daemon does not answer, and `found` when it does so again. */
export const daemon = new EventTarget();
let isLost = false;

/** How long until it is tried again, milliseconds. */
const AGAIN = 1000;
/** How long what comes at once is gathered before one look at all of it, milliseconds. */
const SOON = 30;
/** A stream in which nothing was said for so long is dead, milliseconds: the daemon says something every ten seconds. */
const SILENCE_MAX = 25_000;

function lost() {
  if (isLost) return;
  isLost = true;
  daemon.dispatchEvent(new Event("lost"));
  setTimeout(knock, AGAIN);
}

function found() {
  if (!isLost) return;
  isLost = false;
  daemon.dispatchEvent(new Event("found"));
}

/** Addresses with a name and a password in them, which a browser may show, are not fetched: only the origin is. */
const send = (path, options) => fetch(new URL(path, location.origin), { cache: "no-store", ...options });

/** Whether it is there at all: one request that failed may have its own reasons. */
async function knock() {
  try {
    await send("/healthz");
    found();
  } catch {
    if (isLost) setTimeout(knock, AGAIN);
    else lost();
  }
}

async function reach(path, options) {
  // Each further request could make the browser ask for the password once more.
  if (isStranger) throw new Problem(401, STRANGER);
  try {
    const response = await send(path, options);
    found();
    return response;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    knock();
    throw new Lost("the daemon does not answer");
  }
}

/** What a terminal would be told of the token is of no use here: the browser asks for it. */
const STRANGER = "error: the daemon has another token now\nhelp: load this page again, and give it as the password";

/** Whether the daemon does not know this page's token. */
let isStranger = false;

async function refused(response) {
  if (response.status === 401) {
    isStranger = true;
    return new Problem(401, STRANGER);
  }
  const text = await response.text();
  try {
    return new Problem(response.status, JSON.parse(text).text);
  } catch {
    return new Problem(response.status, text || `${response.status} ${response.statusText}`);
  }
}

/** Integers that a number cannot hold keep their digits, as text. */
const exact = (_, value, context) =>
  Number.isInteger(value) && !Number.isSafeInteger(value) && context?.source ? context.source : value;

/** Digits as a number of JSON, all of them; JSON has no leading zeros. */
export const integer = digits => {
  const plain = digits.replace(/^0+(?=\d)/, "");
  return JSON.rawJSON?.(plain) ?? Number(plain);
};

/** A request for JSON. */
export async function ask(method, path, body, signal) {
  const sent = body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  const response = await reach(path, { method, signal, ...sent });
  if (!response.ok) throw await refused(response);
  const text = await response.text();
  return text ? JSON.parse(text, exact) : null;
}

/** A path of which the parts are names. */
export const path = (...parts) => `/v1/${parts.map(encodeURIComponent).join("/")}`;

/** The events of a stream, as they come. */
async function* events(path, seen, signal) {
  const headers = { Accept: "text/event-stream", ...seen && { "Last-Event-ID": seen } };
  const response = await reach(path, { headers, signal });
  if (!response.ok) throw await refused(response);
  yield { kind: "open", id: "", data: null };
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const pieces = (rest + value).split("\n\n");
    rest = pieces.pop();
    for (const piece of pieces) yield parsed(piece);
  }
}

/** One event; what is no event, as what only shows that somebody is there, has no data. */
function parsed(piece) {
  const event = { kind: "message", id: "", data: null };
  const data = [];
  for (const line of piece.split("\n")) {
    const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
    if (name === "id") event.id = value;
    else if (name === "event") event.kind = value;
    else if (name === "data") data.push(value);
  }
  if (data.length) event.data = JSON.parse(data.join("\n"), exact);
  return event;
}

/** Resolves after some time, or when it is no longer wanted. */
const pause = (ms, signal) => new Promise(resolve => {
  const end = () => {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
    resolve();
  };
  const timer = setTimeout(end, ms);
  signal.addEventListener("abort", end);
});

/** Resolves when somebody looks. A browser has few connections: pages that nobody sees must not hold them. */
const seenBySomebody = () => new Promise(resolve => {
  if (!document.hidden) return resolve();
  document.addEventListener("visibilitychange", resolve, { once: true });
});

/**
 * Follows a stream to its end, which is an event of the kind `last`, over all losses of the connection, and calls `each`
 * with every event once. `state` hears whether events come at the moment.
 */
export async function follow(path, { signal, last, each, state = () => {} }) {
  let seen = "", isOver = false;
  while (!signal.aborted && !isOver) {
    await seenBySomebody();
    const one = attention(signal);
    try {
      for await (const event of events(path, seen, one.signal)) {
        one.heard();
        state(true);
        seen = event.id || seen;
        isOver ||= event.kind === last;
        // An error of its own is none of the connection's.
        if (event.data !== null) queueMicrotask(() => each(event));
      }
    } catch (error) {
      // It is not there (any more): nothing will ever come.
      if (error.status === 404) isOver = true;
    } finally {
      one.end();
      state(false);
    }
    if (!isOver) await pause(AGAIN, signal);
  }
}

/** Lasts until it is no longer wanted, nobody looks, or nothing was heard for too long. */
function attention(signal) {
  const controller = new AbortController(), abort = () => controller.abort();
  const unless = () => { if (document.hidden) abort(); };
  let timer = setTimeout(abort, SILENCE_MAX);
  signal.addEventListener("abort", abort);
  document.addEventListener("visibilitychange", unless);
  return {
    signal: controller.signal,
    heard() { clearTimeout(timer); timer = setTimeout(abort, SILENCE_MAX); },
    end() {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      document.removeEventListener("visibilitychange", unless);
      abort();
    },
  };
}

/**
 * Calls `look` now, soon after each `wake()`, when the daemon is found again, and every so often, never twice at a time.
 * `interval()` says how often, milliseconds; `heard` hears of each look what went wrong, or null.
 */
export function watch(signal, interval, look, heard = () => {}) {
  let timer, isSoon = false, isLooking = false, isWanted = false;
  const go = async () => {
    clearTimeout(timer);
    isSoon = false;
    if (signal.aborted) return;
    if (isLooking) { isWanted = true; return; }
    isLooking = true;
    isWanted = false;
    if (!document.hidden) await look().then(() => heard(null), error => signal.aborted || heard(error));
    isLooking = false;
    if (isWanted) soon();
    else if (!signal.aborted) timer = setTimeout(go, interval());
  };
  const soon = () => {
    if (isSoon) return;
    isSoon = true;
    clearTimeout(timer);
    timer = setTimeout(go, SOON);
  };
  daemon.addEventListener("found", go, { signal });
  document.addEventListener("visibilitychange", go, { signal });
  go();
  return { wake: () => isLooking ? isWanted = true : soon(), now: go };
}
