/* What the pages of the playground share that ask once and show what came of it. `card` is where one of them does. */
const trying = (words) => {
  async function refusal(reply) {
    if (reply.status === 429) return words.fast.replace("#", reply.headers.get("retry-after") ?? "1");
    if ([401, 403].includes(reply.status) || reply.redirected) return words.out;
    const problem = await reply.json().catch(() => ({}));
    return problem.detail ?? words.unsent;
  }
  return {
    rupees: (value, digits = value && value < 1 ? 4 : 2) => `₹${new Intl.NumberFormat("en-IN", { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value)}`,
    quoted: (value) => JSON.stringify(value),
    shell: (value) => `'${value.replaceAll("'", "'\\''")}'`,
    sent: (members) => ({ headers: { accept: "application/json", "content-type": "application/json" }, body: JSON.stringify(members) }),
    /* The answer, or in words why there is none. */
    async send(address, request) {
      try {
        const reply = await fetch(address, { method: "POST", headers: { accept: "application/json" }, ...request });
        return reply.ok && !reply.redirected ? { answer: await reply.json() } : { problem: await refusal(reply) };
      } catch {
        return { problem: words.unsent };
      }
    },
    note(card, text) {
      const made = document.getElementById("pl-note").content.firstElementChild.cloneNode(true);
      made.querySelector(".cm-grow").textContent = text;
      card.querySelector(".notes").replaceChildren(made);
    },
    place(card, answer) {
      const place = card.querySelector(".place");
      place.hidden = false;
      place.classList.toggle("is-kept", answer.in_india);
      place.querySelector("span").textContent = answer.place;
    },
    /* The code for it, in the language that is chosen. */
    program(card, text, language) {
      card.querySelector(".pl-program").textContent = text;
      card.querySelector(".pl-program").parentElement.querySelector("[data-copy]").dataset.copy = text;
      for (const each of card.querySelectorAll("[data-code]")) each.setAttribute("aria-pressed", String(each.dataset.code === language));
    },
    languages(card, choose) {
      for (const button of card.querySelectorAll("[data-code]")) button.addEventListener("click", () => choose(button.dataset.code));
    },
  };
};
