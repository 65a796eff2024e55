/* Speech in the playground: a text becomes sound, a recording becomes words. Both live in this page alone. */
(() => {
  const home = document.getElementById("pl-speech");
  if (!home) return;
  const words = JSON.parse(home.dataset.words);
  const base = home.dataset.base;
  const RATE = 16_000;
  const LARGEST = 25_000_000;
  let total = 0;
  let language = "python";

  const { rupees, quoted, shell, sent, send, note, place, program, languages } = trying(words);

  /* ── the code for it ── */
  const programs = {
    say: {
      python: (asked) => ["from openai import OpenAI", "", `client = OpenAI(base_url=${quoted(`${base}/v1`)}, api_key="cm_…")`,
        "with client.audio.speech.with_streaming_response.create(", `    model=${quoted(asked.model)},`, `    voice=${quoted(asked.voice ?? "")},`, `    input=${quoted(asked.input)},`, '    response_format="wav",',
        ...(asked.speed ? [`    speed=${asked.speed},`] : []), ...(asked.language ? [`    extra_body={"language": ${quoted(asked.language)}},`] : []),
        ") as spoken:", '    spoken.stream_to_file("speech.wav")'].join("\n"),
      node: (asked) => ['import fs from "node:fs/promises";', 'import OpenAI from "openai";', "", `const client = new OpenAI({ baseURL: ${quoted(`${base}/v1`)}, apiKey: "cm_…" });`,
        `const spoken = await client.audio.speech.create(${JSON.stringify({ voice: "", response_format: "wav", ...asked }, null, 2)});`, 'await fs.writeFile("speech.wav", Buffer.from(await spoken.arrayBuffer()));'].join("\n"),
      curl: (asked) => [`curl ${base}/v1/audio/speech \\`, '  -H "Authorization: Bearer cm_…" \\', '  -H "Content-Type: application/json" \\', `  -d ${shell(JSON.stringify({ response_format: "wav", ...asked }, null, 2))} -o speech.wav`].join("\n"),
    },
    hear: {
      python: (asked) => ["from openai import OpenAI", "", `client = OpenAI(base_url=${quoted(`${base}/v1`)}, api_key="cm_…")`, "heard = client.audio.transcriptions.create(",
        `    model=${quoted(asked.model)},`, '    file=open("call.wav", "rb"),', ...(asked.language ? [`    language=${quoted(asked.language)},`] : []), ...(asked.prompt ? [`    prompt=${quoted(asked.prompt)},`] : []), ")", "print(heard.text)"].join("\n"),
      node: (asked) => ['import fs from "node:fs";', 'import OpenAI from "openai";', "", `const client = new OpenAI({ baseURL: ${quoted(`${base}/v1`)}, apiKey: "cm_…" });`,
        "const heard = await client.audio.transcriptions.create({", '  file: fs.createReadStream("call.wav"),', ...Object.entries(asked).map(([name, value]) => `  ${name}: ${quoted(value)},`), "});", "console.log(heard.text);"].join("\n"),
      curl: (asked) => [`curl ${base}/v1/audio/transcriptions \\`, '  -H "Authorization: Bearer cm_…" \\', ...Object.entries(asked).map(([name, value]) => `  -F ${shell(`${name}=${value}`)} \\`), "  -F file=@call.wav"].join("\n"),
    },
  };

  /* ── one of the two sides ── */
  const sides = [];
  function side(name, { asked, body, most, told }) {
    const form = document.getElementById(name);
    if (!form) return null;
    const card = form.closest(".cm-card");
    const part = (selector) => card.querySelector(selector);
    const model = () => form.elements.model.selectedOptions[0].dataset;
    const self = { form, card, part, model, busy: false, show };

    function show() {
      part("[data-hint]").textContent = words[name].replace("#", rupees(Number(model().price) / 1e6, 2));
      const { text, possible } = most(self);
      part("[data-most]").textContent = text;
      form.querySelector(".is-primary").disabled = self.busy || !possible;
      program(card, programs[name][language](asked(self)), language);
      document.getElementById("pl-total").textContent = rupees(total);
    }
    function state(word, kind = "") {
      part(".state").textContent = words[word];
      part(".state").className = `cm-tag state cm-push ${kind}`;
    }
    self.note = (text) => { part("[data-result]").hidden = false; note(card, text); };
    async function ask() {
      self.busy = true;
      part("[data-result]").hidden = false;
      part(".notes").replaceChildren();
      part(".pl-figures").hidden = true;
      part(".place").hidden = true;
      state("waiting", "is-accent");
      show();
      const { answer, problem } = await send(form.action, body(asked(self)));
      self.busy = false;
      if (problem) {
        state("failed", "is-broken");
        note(card, problem);
      } else {
        total += answer.price_micro / 1e6;
        place(card, answer);
        part(".pl-figures").innerHTML = answer.html; /* drawn by our own server, every word escaped there */
        part(".pl-figures").hidden = false;
        state("done", "is-kept");
        told(self, answer);
      }
      show();
    }
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!self.busy && form.reportValidity()) ask();
    });
    form.addEventListener("input", show);
    languages(card, (chosen) => {
      language = chosen;
      for (const each of sides) each.show();
    });
    sides.push(self);
    return self;
  }

  const filled = (members) => Object.fromEntries(Object.entries(members).filter(([, value]) => value !== "" && value !== undefined));
  const characters = (text) => [...text].length;

  /* ── words to speech ── */
  side("say", {
    asked: ({ form: { elements: at } }) => filled({ model: at.model.value, input: at.input.value, voice: at.voice.value, language: at.language.value, speed: Number(at.speed.value) === 1 ? undefined : Number(at.speed.value) }),
    body: sent,
    most({ form, model }) {
      const count = characters(form.elements.input.value);
      if (count > Number(model().context)) return { text: words.long.replace("#", model().context), possible: false };
      return { text: words.about.replace("#", rupees((count * Number(model().price)) / 1e10)), possible: form.elements.input.value.trim() !== "" };
    },
    told({ part }, { sound }) {
      const audio = part(".pl-result audio");
      const bytes = Uint8Array.from(atob(sound.base64), (each) => each.charCodeAt(0));
      if (audio.src) URL.revokeObjectURL(audio.src);
      audio.src = URL.createObjectURL(new Blob([bytes], { type: sound.type }));
      audio.hidden = false;
      audio.play().catch(() => {}); /* where the browser does not let a page speak first, its reader presses play */
    },
  });

  /* ── speech to words ── */
  let taken = null; /* {blob, name, seconds} */
  const hearing = side("hear", {
    asked: ({ form: { elements: at } }) => filled({ model: at.model.value, language: at.language.value, prompt: at.prompt.value.trim() }),
    body(members) {
      const data = new FormData();
      for (const [name, value] of Object.entries(members)) data.append(name, value);
      data.append("file", taken.blob, taken.name);
      return { body: data };
    },
    most({ model }) {
      if (!taken) return { text: "", possible: false };
      if (taken.blob.size > LARGEST) return { text: words.large, possible: false };
      if (taken.seconds > Number(model().context)) return { text: words.length.replace("#", model().context), possible: false };
      return { text: Number.isFinite(taken.seconds) ? words.about.replace("#", rupees((Math.ceil(taken.seconds) * Number(model().price)) / 3.6e9)) : "", possible: true };
    },
    told({ part, note }, { heard }) {
      part(".said").textContent = heard.text;
      const copy = part(".pl-result [data-copy]");
      copy.dataset.copy = heard.text;
      copy.hidden = !heard.text;
      if (!heard.text) note(words.silent);
    },
  });
  for (const each of sides) each.show();
  if (!hearing) return;

  function take(blob, name) {
    const mine = hearing.part("[data-mine]");
    if (mine.src) URL.revokeObjectURL(mine.src);
    taken = { blob, name, seconds: NaN };
    mine.src = URL.createObjectURL(blob);
    mine.hidden = false;
    hearing.part("[data-chosen]").textContent = name;
    hearing.show();
  }
  hearing.part("[data-mine]").addEventListener("loadedmetadata", ({ target }) => {
    if (!taken) return;
    taken.seconds = target.duration;
    if (taken.name === "recording.wav") hearing.part("[data-chosen]").textContent = words.recorded.replace("#", target.duration.toFixed(1));
    hearing.show();
  });
  hearing.form.elements.file.addEventListener("change", ({ target }) => {
    if (target.files[0]) take(target.files[0], target.files[0].name);
  });

  /* ── the microphone: 16-bit samples in a WAV, because what browsers record by themselves says no length ── */
  function wave(blocks) {
    const count = blocks.reduce((sum, each) => sum + each.length, 0);
    const view = new DataView(new ArrayBuffer(44 + 2 * count));
    const text = (at, said) => [...said].forEach((each, n) => view.setUint8(at + n, each.charCodeAt(0)));
    text(0, "RIFF");
    view.setUint32(4, 36 + 2 * count, true);
    text(8, "WAVEfmt ");
    view.setUint32(16, 16, true);
    view.setUint16(20, 1, true);
    view.setUint16(22, 1, true);
    view.setUint32(24, RATE, true);
    view.setUint32(28, 2 * RATE, true);
    view.setUint16(32, 2, true);
    view.setUint16(34, 16, true);
    text(36, "data");
    view.setUint32(40, 2 * count, true);
    let at = 44;
    for (const block of blocks) for (const each of block) { view.setInt16(at, Math.max(-1, Math.min(1, each)) * 32767, true); at += 2; }
    return new Blob([view], { type: "audio/wav" });
  }
  const button = hearing.part("[data-record]");
  let ending = null;
  async function record() {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: true } });
    const context = new AudioContext({ sampleRate: RATE });
    const blocks = [];
    const level = hearing.part(".pl-level i");
    let longest = Number(hearing.model().context) * RATE;
    await context.audioWorklet.addModule(home.dataset.recorder);
    const node = new AudioWorkletNode(context, "recorder");
    ending = () => {
      ending = null;
      for (const track of stream.getTracks()) track.stop();
      context.close();
      level.style.removeProperty("--level");
      button.setAttribute("aria-pressed", "false");
      button.lastElementChild.textContent = words.record;
      if (blocks.length) take(wave(blocks), "recording.wav");
    };
    const began = Date.now();
    node.port.onmessage = ({ data }) => {
      if (!ending) return;
      blocks.push(data);
      longest -= data.length;
      level.style.setProperty("--level", Math.min(1, 3 * Math.sqrt(data.reduce((sum, each) => sum + each * each, 0) / data.length)));
      button.lastElementChild.textContent = `${Math.floor((Date.now() - began) / 1000)} s`;
      if (longest <= 0) ending();
    };
    context.createMediaStreamSource(stream).connect(node);
    button.setAttribute("aria-pressed", "true");
  }
  button.addEventListener("click", () => {
    if (ending) ending();
    else record().catch(() => hearing.note(words.deaf));
  });
})();
