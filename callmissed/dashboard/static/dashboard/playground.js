/* The playground. The conversation lives in this page alone; each answer comes as server-sent events and brings its own figures. */
(() => {
  const form = document.getElementById("pl");
  if (!form) return;
  const words = JSON.parse(form.dataset.words);
  const at = (id) => document.getElementById(id);
  const field = (name) => form.elements[name];
  const drawn = (id) => at(id).content.firstElementChild.cloneNode(true);
  const turns = []; /* {text, answers: [{model, text, whole}, or nothing]} by place: 0 the first model, 1 the one beside it */
  let under = null; /* what stops the answers under way */
  let language = "python";
  let total = 0;

  /* ── what is asked ── */
  const chosen = () => [field("first").value, field("second").value].filter(Boolean);
  const number = (name) => (field(name).value === "" || !field(name).checkValidity() ? undefined : Number(field(name).value));

  /* What each model has heard and said itself; a turn it did not answer in full is not among it. */
  function said(place, before = turns) {
    return before.flatMap((turn) => {
      const answer = turn.answers[place];
      return answer?.whole ? [{ role: "user", content: turn.text }, { role: "assistant", content: answer.text }] : [];
    });
  }
  function request(place, text, before) {
    return {
      model: chosen()[place], system: field("system").value, temperature: number("temperature"), max_tokens: number("max_tokens"),
      messages: [...said(place, before), { role: "user", content: text }], bot_id: field("bot")?.value || undefined,
    };
  }

  const sold = (model) => [...field("first").options].find((each) => each.value === model)?.dataset;

  /* The most it can cost: every byte may be a token, and the answer may be as long as allowed. */
  const passages = 12000; /* bytes that five passages of a bot's knowledge hardly reach */
  const bytes = (text) => new TextEncoder().encode(text).length;
  function most(place) {
    const { system, messages, max_tokens: limit, bot_id: bot } = request(place, field("text").value);
    const { in: read, out: write, context, longest } = sold(chosen()[place]);
    const reading = Math.min(Number(context), 16 + (bot ? passages : 0) + bytes(system) + messages.reduce((sum, each) => sum + 16 + bytes(each.content), 0));
    return (reading * Number(read) + Math.min(limit ?? Infinity, Number(longest)) * Number(write)) / 1e12;
  }
  function rupees(value, digits = value < 1 ? 4 : 2) {
    return `₹${new Intl.NumberFormat("en-IN", { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value)}`;
  }

  /* ── the code for it ── */
  const quoted = (value) => JSON.stringify(value);
  function body({ system, messages, ...rest }) {
    return { model: rest.model, messages: [...(system.trim() ? [{ role: "system", content: system }] : []), ...messages],
      temperature: rest.temperature, max_tokens: rest.max_tokens, bot_id: rest.bot_id, stream: true };
  }
  const programs = {
    python({ messages, model, temperature, max_tokens: limit, bot_id: bot }, base) {
      const lines = messages.map((each) => `        {"role": ${quoted(each.role)}, "content": ${quoted(each.content)}},`);
      const more = [...(temperature === undefined ? [] : [`    temperature=${temperature},`]), ...(limit === undefined ? [] : [`    max_tokens=${limit},`]),
        ...(bot === undefined ? [] : [`    extra_body={"bot_id": ${quoted(bot)}},`])];
      return ["from openai import OpenAI", "", `client = OpenAI(base_url=${quoted(`${base}/v1`)}, api_key="cm_…")`,
        "stream = client.chat.completions.create(", `    model=${quoted(model)},`, "    messages=[", ...lines, "    ],", ...more, "    stream=True,", ")",
        "for chunk in stream:", "    if chunk.choices:", '        print(chunk.choices[0].delta.content or "", end="", flush=True)'].join("\n");
    },
    node(asked, base) {
      return ['import OpenAI from "openai";', "", `const client = new OpenAI({ baseURL: ${quoted(`${base}/v1`)}, apiKey: "cm_…" });`,
        `const stream = await client.chat.completions.create(${JSON.stringify(asked, null, 2)});`,
        'for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta?.content ?? "");'].join("\n");
    },
    curl(asked, base) {
      const data = JSON.stringify(asked, null, 2).replaceAll("'", "'\\''");
      return [`curl -N ${base}/v1/chat/completions \\`, '  -H "Authorization: Bearer cm_…" \\', '  -H "Content-Type: application/json" \\', `  -d '${data}'`].join("\n");
    },
  };
  function show() {
    const typed = field("text").value.trim();
    const last = turns.at(-1);
    const asked = typed || !last ? request(0, typed || words.question) : request(0, last.text, turns.slice(0, -1));
    const program = programs[language](body(asked), form.dataset.base);
    at("pl-program").textContent = program;
    at("pl-copy").dataset.copy = program;
    for (const hint of document.querySelectorAll("[data-price]")) {
      const { in: read, out: write } = sold(chosen()[hint.dataset.price]) ?? {};
      hint.textContent = read === undefined ? "" : words.price.replace("##", rupees(write / 1e6, 2)).replace("#", rupees(read / 1e6, 2));
    }
    field("text").placeholder = chosen().length > 1 ? words.both : words.one;
    at("pl-most").textContent = words.most.replace("#", rupees(chosen().reduce((sum, _, place) => sum + most(place), 0)));
    at("pl-total").textContent = rupees(total, total && total < 1 ? 4 : 2);
    at("pl-empty").hidden = turns.length > 0;
    at("pl-clear").disabled = turns.length === 0 || under !== null;
    at("pl-stop").hidden = under === null;
    at("pl-send").disabled = under !== null;
  }

  /* ── an answer ── */
  function note(card, text, tone = "is-broken") {
    const made = drawn("pl-note");
    made.classList.replace("is-broken", tone);
    made.querySelector(".cm-grow").textContent = text;
    card.querySelector(".body").append(made);
  }
  function state(card, name, kind = "") {
    const tag = card.querySelector(".state");
    tag.textContent = words[name];
    tag.className = `cm-tag state cm-push ${kind}`;
  }
  async function* events(reply) {
    const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = ""; ;) {
      const { value, done } = await reader.read();
      if (done) return;
      const parts = (rest + value).split("\n\n");
      rest = parts.pop();
      for (const part of parts) {
        const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(part) ?? [];
        if (name) yield [name, JSON.parse(data)];
      }
    }
  }
  const handlers = {
    from({ usage_id: id, place, in_india: inside }, card, answer) {
      answer.id = id;
      const tag = card.querySelector(".place");
      tag.hidden = false;
      tag.classList.toggle("is-kept", inside);
      tag.querySelector("span").textContent = place;
      state(card, "streaming", "is-accent");
    },
    text(more, card, answer) {
      answer.text += more;
      card.querySelector(".said").append(more);
    },
    sources(html, card) {
      card.querySelector(".body").insertAdjacentHTML("beforeend", html); /* as the figures */
    },
    end({ price_micro: price, html }, card, answer) {
      total += price / 1e6;
      answer.whole = answer.text !== "";
      const figures = card.querySelector(".pl-figures");
      figures.innerHTML = html; /* drawn by our own server, every word escaped there */
      figures.hidden = false;
      state(card, "done", "is-kept");
    },
    problem(html, card) {
      card.querySelector(".body").insertAdjacentHTML("beforeend", html);
      state(card, "failed", "is-broken");
    },
  };

  /* What was delivered until the stop is settled a moment later; whoever may see usage is told what it came to. */
  async function stopped(card, answer) {
    state(card, "stopped", "is-unknown");
    for (let wait = 200; answer.id && wait < 4000; wait *= 2) {
      await new Promise((then) => { setTimeout(then, wait); });
      const reply = await fetch(`/api/v1/requests/${answer.id}`).catch(() => null);
      if (!reply?.ok) continue;
      const { price_micro: price } = await reply.json();
      total += price / 1e6;
      note(card, words.cut.replace("#", rupees(price / 1e6)), "is-unknown");
      show();
      return;
    }
    note(card, words.cutUnseen, "is-unknown");
  }
  async function refused(card, reply) {
    const problem = await reply.json().catch(() => ({}));
    state(card, "failed", "is-broken");
    if (reply.status === 429) note(card, words.fast.replace("#", reply.headers.get("retry-after") ?? "1"));
    else note(card, [401, 403].includes(reply.status) || reply.redirected ? words.out : problem.detail ?? words.broken);
  }
  async function ask(asked, card, answer, signal) {
    let last = "";
    try {
      const reply = await fetch(form.action, { method: "POST", signal, body: JSON.stringify(asked), headers: { "content-type": "application/json", accept: "application/json" } });
      if (!reply.ok || reply.redirected) { await refused(card, reply); return; }
      for await (const [name, told] of events(reply)) {
        last = name;
        handlers[name]?.(told, card, answer);
      }
      if (last !== "end" && last !== "problem") { state(card, "failed", "is-broken"); note(card, words.broken); }
    } catch {
      if (signal.aborted) { await stopped(card, answer); return; }
      state(card, "failed", "is-broken");
      note(card, last ? words.broken : words.unsent);
    } finally {
      card.querySelector(".said").setAttribute("aria-busy", "false");
      const copy = card.querySelector("[data-copy]");
      copy.dataset.copy = answer.text;
      copy.hidden = !answer.text;
    }
  }

  function newCard(model, place) {
    const card = drawn("pl-answer");
    card.querySelector(".model").textContent = model;
    card.setAttribute("aria-label", model);
    card.dataset.place = place;
    state(card, "waiting");
    return card;
  }
  async function send() {
    const text = field("text").value.trim();
    const models = chosen();
    const requests = models.map((_, place) => request(place, text));
    const turn = { text, answers: models.map((model) => ({ model, text: "", whole: false })) };
    const section = drawn("pl-turn");
    section.querySelector(".said").textContent = text;
    const cards = models.map(newCard);
    section.querySelector(".pl-answers").append(...cards);
    at("pl-turns").append(section);
    turns.push(turn);
    field("text").value = "";
    under = new AbortController();
    show();
    section.scrollIntoView({ block: "nearest" });
    await Promise.all(cards.map((card, place) => ask(requests[place], card, turn.answers[place], under.signal)));
    under = null;
    show();
    if (!turn.answers.some((each) => each.text) && !field("text").value) field("text").value = text;
    field("text").focus({ preventScroll: true });
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (under === null && field("text").value.trim() && form.reportValidity()) send();
  });
  form.addEventListener("input", show);
  at("pl-stop").addEventListener("click", () => under?.abort());
  at("pl-clear").addEventListener("click", () => {
    turns.length = 0;
    at("pl-turns").replaceChildren();
    show();
    field("text").focus();
  });
  for (const button of document.querySelectorAll("[data-code]")) {
    button.addEventListener("click", () => {
      language = button.dataset.code;
      for (const each of document.querySelectorAll("[data-code]")) each.setAttribute("aria-pressed", String(each === button));
      show();
    });
  }
  show();
})();
