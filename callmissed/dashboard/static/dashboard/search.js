/* Search in the playground: what is looked for, what is found, and the code for it. All of it lives in this page alone. */
(() => {
  const home = document.getElementById("pl-search");
  if (!home) return;
  const words = JSON.parse(home.dataset.words);
  const base = home.dataset.base;
  const form = document.getElementById("look");
  const part = (selector) => home.querySelector(selector);
  let total = 0;
  let language = "python";
  let busy = false;

  const rupees = (value, digits = value && value < 1 ? 4 : 2) => `₹${new Intl.NumberFormat("en-IN", { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value)}`;
  const quoted = (value) => JSON.stringify(value);
  const shell = (value) => `'${value.replaceAll("'", "'\\''")}'`;
  const asked = () => ({ query: form.elements.query.value, provider: form.elements.provider.value, mode: form.elements.mode.value, num_results: Number(form.elements.num_results.value) });

  const programs = {
    python: (body) => ["import httpx", "", "found = httpx.post(", `    ${quoted(`${base}/v1/search`)},`, '    headers={"Authorization": "Bearer cm_…"},', "    json={", ...Object.entries(body).map(([name, value]) => `        ${quoted(name)}: ${quoted(value)},`), "    },", "    timeout=60,", ")", 'for each in found.json()["results"]:', '    print(each["title"], each["url"])'].join("\n"),
    node: (body) => [`const found = await fetch(${quoted(`${base}/v1/search`)}, {`, '  method: "POST",', '  headers: { Authorization: "Bearer cm_…", "Content-Type": "application/json" },', `  body: JSON.stringify(${JSON.stringify(body, null, 2).replaceAll("\n", "\n  ")}),`, "});", "for (const each of (await found.json()).results) console.log(each.title, each.url);"].join("\n"),
    curl: (body) => [`curl ${base}/v1/search \\`, '  -H "Authorization: Bearer cm_…" \\', '  -H "Content-Type: application/json" \\', `  -d ${shell(JSON.stringify(body, null, 2))}`].join("\n"),
  };

  function show() {
    const chosen = form.elements.provider.selectedOptions[0].dataset;
    part("[data-hint]").textContent = "own" in chosen ? words.own : words.price.replace("#", rupees(Number(chosen.price) / 1e6, 2));
    form.querySelector(".is-primary").disabled = busy;
    const program = programs[language](asked());
    part(".pl-program").textContent = program;
    part("[data-copy]").dataset.copy = program;
    for (const each of home.querySelectorAll("[data-code]")) each.setAttribute("aria-pressed", String(each.dataset.code === language));
    document.getElementById("pl-total").textContent = rupees(total);
  }
  function state(word, kind) {
    part(".state").textContent = words[word];
    part(".state").className = `cm-tag state ${kind}`;
    part(".state").hidden = false;
  }
  function note(text) {
    const made = document.getElementById("pl-note").content.firstElementChild.cloneNode(true);
    made.querySelector(".cm-grow").textContent = text;
    part(".notes").replaceChildren(made);
  }
  async function refusal(reply) {
    if (reply.status === 429) return words.fast.replace("#", reply.headers.get("retry-after") ?? "1");
    if (reply.status === 401 || reply.redirected) return words.out;
    const problem = await reply.json().catch(() => ({}));
    return problem.detail ?? words.unsent;
  }
  async function look() {
    busy = true;
    part(".notes").replaceChildren();
    part("[data-found]").replaceChildren();
    part(".place").hidden = true;
    state("waiting", "is-accent");
    show();
    try {
      const reply = await fetch(form.action, { method: "POST", headers: { "content-type": "application/json", accept: "application/json" }, body: JSON.stringify(asked()) });
      if (!reply.ok || reply.redirected) {
        state("failed", "is-broken");
        note(await refusal(reply));
        return;
      }
      const answer = await reply.json();
      total += answer.price_micro / 1e6;
      part(".place").hidden = false;
      part(".place").classList.toggle("is-kept", answer.in_india);
      part(".place span").textContent = answer.place;
      part("[data-found]").innerHTML = answer.html; /* drawn by our own server, every word escaped there */
      state("done", "is-kept");
    } catch {
      state("failed", "is-broken");
      note(words.unsent);
    } finally {
      busy = false;
      show();
    }
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!busy && form.reportValidity()) look();
  });
  form.addEventListener("input", show);
  for (const button of home.querySelectorAll("[data-code]")) {
    button.addEventListener("click", () => {
      language = button.dataset.code;
      show();
    });
  }
  show();
})();
