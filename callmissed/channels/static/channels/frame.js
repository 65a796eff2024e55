/* The chat in its frame. State lives on the server: the page reloads the thread whenever there is news or a new connection. */
const { widget, limit, words: wordsText } = document.body.dataset;
const words = JSON.parse(wordsText);
const LIMIT = Number(limit);
const at = (id) => document.getElementById(id);
const log = at("log");
const text = at("text");

/* The token stays in this frame's own storage; where that is switched off, in memory until the page closes. */
const KEY = `cm_visitor_${widget}`;
let remembered = null;
function token(value) {
  try {
    if (value === null) localStorage.removeItem(KEY);
    else if (value) localStorage.setItem(KEY, value);
    else return localStorage.getItem(KEY) ?? remembered;
  } catch { /* storage refused */ }
  if (value !== undefined) remembered = value;
  return remembered;
}

class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function call(path, { method = "GET", body, signal } = {}) {
  let reply;
  try {
    reply = await fetch(`/widget/${widget}/${path}`, {
      method, signal, body: body && JSON.stringify(body), credentials: "omit", referrerPolicy: "no-referrer",
      headers: { ...(body && { "content-type": "application/json" }), ...(token() && { authorization: `Bearer ${token()}` }) },
    });
  } catch (failure) {
    throw signal?.aborted ? failure : new Refused(words.unsent, 0);
  }
  if (reply.ok) return reply;
  const problem = await reply.json().catch(() => ({}));
  throw new Refused(problem.detail || words.unasked, reply.status);
}

/* ── the thread ── */
let last = 0;
let state = "with_bot";
let lastAuthor = "bot";
let loading = Promise.resolve();
const waiting = new Map();

function element(tag, className, content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (content !== undefined) made.textContent = content;
  return made;
}

function bubble(message) {
  const kind = message.author === "contact" ? "is-mine" : message.author === "bot" ? "is-bot" : "is-person";
  const row = element("div", `cm-msg ${kind}`);
  if (message.author === "teammate") row.append(element("div", "by", words.teammate));
  const box = element("div", "bubble");
  if (message.language) box.lang = message.language;
  box.append(element("span", "cm-unseen", `${message.author === "contact" ? words.you : message.author === "bot" ? words.assistant : ""} `));
  const sources = message.sources ?? [];
  for (const part of message.text.split(/(\[\d+\])/)) {
    const number = /^\[(\d+)\]$/.exec(part)?.[1];
    const source = sources.find((each) => String(each.number) === number);
    box.append(source ? cite(source, message.text) : part);
  }
  row.append(box);
  if (sources.length) {
    const list = row.appendChild(element("div", "sources"));
    for (const source of sources) list.append(chip(source, message.text));
  }
  return row;
}

function cite(source, answer) {
  const button = element("button", "cw-cite", source.number);
  button.type = "button";
  button.setAttribute("aria-label", `${words.source} ${source.number}: ${source.title}`);
  button.addEventListener("click", () => openSource(source, answer));
  return button;
}

function chip(source, answer) {
  const button = element("button", "cm-source");
  button.type = "button";
  const where = source.locator && source.locator !== source.title ? `, ${source.locator}` : "";
  button.append(element("b", "", source.number), `${source.title}${where}`);
  button.addEventListener("click", () => openSource(source, answer));
  return button;
}

/* The passage, with the sentences the answer took from it marked. */
function openSource(source, answer) {
  at("source-title").textContent = source.title;
  at("source-where").textContent = source.locator || "";
  const place = at("source-text");
  const passage = source.text || words.unopened;
  const taken = answer.split(/\s*\[\d+\]\s*|\n+/).map((each) => each.trim()).filter((each) => each.length > 3);
  const found = taken.map((each) => [passage.indexOf(each), each.length]).filter(([start]) => start >= 0).sort((a, b) => a[0] - b[0]);
  let from = 0;
  place.replaceChildren();
  for (const [start, length] of found) {
    if (start < from) continue;
    place.append(passage.slice(from, start), element("mark", "", passage.slice(start, start + length)));
    from = start + length;
  }
  place.append(passage.slice(from));
  at("source").showModal();
}

function take(thread) {
  const near = isAtEnd();
  for (const message of thread.messages) {
    if (message.ordinal <= last) continue;
    last = message.ordinal;
    waiting.get(message.client_ref)?.remove();
    waiting.delete(message.client_ref);
    if (message.event) {
      if (words[message.event]) log.append(element("div", "cm-event", words[message.event]));
    } else {
      lastAuthor = message.author;
      log.append(bubble(message));
    }
  }
  state = thread.state;
  showState();
  if (near) toEnd();
}

let slow;
function showState() {
  const expecting = state === "with_bot" && (lastAuthor === "contact" || waiting.size > 0);
  if (at("typing").hidden === expecting) {
    at("typing").hidden = !expecting;
    clearTimeout(slow);
    if (expecting) slow = setTimeout(() => say(words.slow), 8000);
    else say("");
  }
  at("person").hidden = state === "waiting" || state === "with_teammate";
  at("assistant").hidden = state !== "waiting";
}

const isAtEnd = () => at("body").scrollHeight - at("body").scrollTop - at("body").clientHeight < 120;
const toEnd = () => requestAnimationFrame(() => (at("body").scrollTop = at("body").scrollHeight));

function say(message) {
  at("status").textContent = message;
  at("status").hidden = !message;
}

function wrong(message) {
  at("wrong").textContent = message;
  at("wrong").hidden = !message;
  text.toggleAttribute("aria-invalid", Boolean(message));
}

/* One load after another, so that nothing is drawn twice. */
function load() {
  loading = loading.then(async () => take(await (await call(`thread?after=${last}`)).json())).catch(forget);
  return loading;
}

function forget(refusal) {
  if (refusal.status !== 401) return;
  token(null);
  connection?.abort();
  if (last) say(words.ended);
}

/* ── live ── */
let connection = null;
async function connect() {
  let pause = 1000;
  let broken = false;
  while (token()) {
    connection = new AbortController();
    try {
      const reply = await call("events", { signal: connection.signal });
      for await (const name of eventNames(reply.body)) {
        if (name === "ready") {
          if (broken) say("");
          pause = 1000;
          broken = false;
        }
        await load();
      }
    } catch (failure) {
      forget(failure);
      if (!token()) return;
    }
    broken = true;
    say(words.lost);
    await Promise.race([
      new Promise((resolve) => setTimeout(resolve, pause)),
      new Promise((resolve) => addEventListener("online", resolve, { once: true })),
    ]);
    pause = Math.min(pause * 2, 15000);
  }
}

async function* eventNames(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const name = /^event: (.*)$/m.exec(part)?.[1];
      if (name) yield name;
    }
  }
}

/* ── acts ── */
async function begin() {
  if (token()) return;
  const reply = await call(`sessions?lang=${document.documentElement.lang}`, { method: "POST" });
  token((await reply.json()).token);
  last = 0;
  connect();
}

function reference() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/* The same words tried again keep their reference, so that a lost reply does not say them twice. */
let unsent = { words: "", ref: "" };
async function send() {
  const said = text.value.trim();
  if (!said) return;
  if (said.length > LIMIT) {
    wrong(words.long.replace("#", said.length.toLocaleString("en-IN")));
    return;
  }
  if (unsent.words !== said) unsent = { words: said, ref: reference() };
  const { ref } = unsent;
  wrong("");
  text.value = "";
  const shown = bubble({ author: "contact", text: said });
  shown.classList.add("is-waiting");
  waiting.set(ref, shown);
  log.append(shown);
  showState();
  toEnd();
  try {
    await begin();
    await call("messages", { method: "POST", body: { text: said, client_ref: ref } });
    unsent = { words: "", ref: "" };
    await load();
  } catch (refusal) {
    forget(refusal);
    shown.remove();
    waiting.delete(ref);
    if (!text.value) text.value = said;
    wrong(refusal.status === 401 ? words.ended : refusal.message);
    showState();
    text.focus();
  }
}

async function ask(path) {
  wrong("");
  try {
    await begin();
    await call(path, { method: "POST", body: {} });
    await load();
  } catch (refusal) {
    forget(refusal);
    wrong(refusal.message);
  }
}

async function eraseAll() {
  at("yours-wrong").hidden = true;
  try {
    if (token()) await call("erase", { method: "POST" });
    token(null);
    connection?.abort();
    while (log.children.length > 1) log.lastChild.remove();
    [last, state, lastAuthor] = [0, "with_bot", "bot"];
    at("yours").close();
    showState();
    say(words.erased);
  } catch (refusal) {
    at("yours-wrong").textContent = refusal.message;
    at("yours-wrong").hidden = false;
  }
}

at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});
text.addEventListener("input", () => {
  const long = text.value.length > LIMIT;
  wrong(long ? words.long.replace("#", text.value.length.toLocaleString("en-IN")) : "");
});
at("person").addEventListener("click", () => ask("person"));
at("assistant").addEventListener("click", () => ask("assistant"));
at("data").addEventListener("click", () => at("yours").showModal());
at("erase").addEventListener("click", eraseAll);
at("close")?.addEventListener("click", () => parent.postMessage("callmissed:close", "*"));
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && at("close") && !document.querySelector("dialog[open]")) at("close").click();
});
if (token()) connect();
