/* Pictures in the playground: words become pictures, which the server keeps and shows below. */
(() => {
  const home = document.getElementById("pl-images");
  if (!home) return;
  const words = JSON.parse(home.dataset.words);
  const base = home.dataset.base;
  const form = document.getElementById("make");
  const part = (selector) => home.querySelector(selector);
  let total = 0;
  let language = "python";
  let busy = false;

  const { rupees, quoted, shell, sent, send, note, place, program, languages } = trying(words);
  const model = () => form.elements.model.selectedOptions[0].dataset;

  /* ── the code for it ── */
  const programs = {
    python: (asked) => ["import base64", "", "from openai import OpenAI", "", `client = OpenAI(base_url=${quoted(`${base}/v1`)}, api_key="cm_…")`, "made = client.images.generate(",
      `    model=${quoted(asked.model)},`, `    prompt=${quoted(asked.prompt)},`, ...(asked.size ? [`    size=${quoted(asked.size)},`] : []), `    n=${asked.n},`,
      ...(asked.seed === undefined ? [] : [`    extra_body={"seed": ${asked.seed}},`]), ")", "for number, picture in enumerate(made.data):",
      '    with open(f"picture-{number}.png", "wb") as file:', "        file.write(base64.b64decode(picture.b64_json))"].join("\n"),
    node: (asked) => ['import fs from "node:fs/promises";', 'import OpenAI from "openai";', "", `const client = new OpenAI({ baseURL: ${quoted(`${base}/v1`)}, apiKey: "cm_…" });`,
      `const made = await client.images.generate(${JSON.stringify(asked, null, 2)});`, "for (const [number, picture] of made.data.entries())", "  await fs.writeFile(`picture-${number}.png`, Buffer.from(picture.b64_json, \"base64\"));"].join("\n"),
    curl: (asked) => [`curl ${base}/v1/images/generations \\`, '  -H "Authorization: Bearer cm_…" \\', '  -H "Content-Type: application/json" \\', `  -d ${shell(JSON.stringify(asked, null, 2))}`].join("\n"),
  };

  function asked() {
    const { model: which, prompt, size, n, seed } = form.elements;
    return { model: which.value, prompt: prompt.value, ...(size.value ? { size: size.value } : {}), n: Number(n.value) || 1, ...(seed.value === "" ? {} : { seed: Number(seed.value) }) };
  }
  function show() {
    const price = Number(model().price) / 1e6;
    const wished = asked();
    const count = [...wished.prompt].length;
    const long = count > Number(model().context);
    part("[data-hint]").textContent = words.each.replace("#", rupees(price, 2));
    part("[data-most]").textContent = long ? words.long.replace("#", model().context) : words.about.replace("#", rupees(price * wished.n, 2));
    form.querySelector(".is-primary").disabled = busy || long || wished.prompt.trim() === "";
    program(home, programs[language](wished), language);
    document.getElementById("pl-total").textContent = rupees(total, 2);
  }
  function state(word, kind) {
    part(".state").textContent = words[word];
    part(".state").className = `cm-tag state cm-push ${kind}`;
    part("[data-wait]").hidden = word !== "waiting";
  }
  function told(answer) {
    total += answer.price_micro / 1e6;
    place(home, answer);
    part(".pl-figures").innerHTML = answer.html; /* both drawn by our own server, every word escaped there */
    part(".pl-figures").hidden = false;
    document.getElementById("pl-none")?.remove();
    document.getElementById("pl-made").insertAdjacentHTML("afterbegin", answer.pictures);
    state("done", "is-kept");
  }
  async function ask() {
    busy = true;
    part("[data-result]").hidden = false;
    part(".notes").replaceChildren();
    part(".pl-figures").hidden = true;
    part(".place").hidden = true;
    state("waiting", "is-accent");
    show();
    const { answer, problem } = await send(form.action, sent(asked()));
    busy = false;
    if (problem) {
      state("failed", "is-broken");
      note(home, problem);
    } else told(answer);
    show();
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!busy && form.reportValidity()) ask();
  });
  form.addEventListener("input", show);
  languages(home, (chosen) => {
    language = chosen;
    show();
  });
  show();
})();
