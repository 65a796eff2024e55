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

  const { rupees, quoted, shell, sent, send, note, place, program, languages } = trying(words);
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
    program(home, programs[language](asked()), language);
    document.getElementById("pl-total").textContent = rupees(total);
  }
  function state(word, kind) {
    part(".state").textContent = words[word];
    part(".state").className = `cm-tag state ${kind}`;
    part(".state").hidden = false;
  }
  async function look() {
    busy = true;
    part(".notes").replaceChildren();
    part("[data-found]").replaceChildren();
    part(".place").hidden = true;
    state("waiting", "is-accent");
    show();
    const { answer, problem } = await send(form.action, sent(asked()));
    busy = false;
    if (problem) {
      state("failed", "is-broken");
      note(home, problem);
    } else {
      total += answer.price_micro / 1e6;
      place(home, answer);
      part("[data-found]").innerHTML = answer.html; /* drawn by our own server, every word escaped there */
      state("done", "is-kept");
    }
    show();
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!busy && form.reportValidity()) look();
  });
  form.addEventListener("input", show);
  languages(home, (chosen) => {
    language = chosen;
    show();
  });
  show();
})();
