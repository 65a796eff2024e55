/* Usage and requests: a request opens beside its list, ↑ and ↓ move through the rows, and new requests appear by themselves. */
(() => {
  const place = document.getElementById("usage");
  if (!place) return;
  const LEAST_WAIT = 4000;
  const at = (id, within = document) => within.getElementById(id);
  const layer = () => at("cm-request");
  let asked = 0;

  async function read(href) {
    const reply = await fetch(href, { headers: { accept: "text/html" } });
    if (!reply.ok || reply.redirected) throw new Error(String(reply.status));
    return new DOMParser().parseFromString(await reply.text(), "text/html");
  }

  /* The drawer. Its address is that of the page with ?request=, so it can be reloaded, sent to a colleague, gone back to. */
  function select(id) {
    for (const row of place.querySelectorAll("tr[data-id]")) row.toggleAttribute("aria-selected", row.dataset.id === id);
    place.querySelector("tr[aria-selected]")?.setAttribute("aria-selected", "true");
  }
  const wanted = () => new URLSearchParams(location.search).get("request");

  async function open(href, { remember = true } = {}) {
    const mine = ++asked;
    let page;
    try {
      page = await read(href);
    } catch {
      location.href = href; /* the server says what is wrong better than we could */
      return;
    }
    if (mine !== asked) return;
    const fresh = at("cm-request", page);
    if (remember) history[layer()?.open ? "replaceState" : "pushState"](null, "", href);
    const turned = ["data-above", "data-below"].find((way) => document.activeElement?.hasAttribute(way));
    if (layer()) layer().replaceChildren(...fresh.childNodes);
    else {
      fresh.removeAttribute("open");
      fresh.removeAttribute("data-now");
      document.body.append(fresh);
    }
    if (!layer().open) layer().showModal();
    if (turned) layer().querySelector(`[${turned}]`)?.focus();
    select(wanted());
  }
  function closed() {
    if (layer().open || !wanted()) return;
    history.pushState(null, "", place.dataset.here);
    place.querySelector("tr[aria-selected] a")?.focus();
    select(null);
  }
  document.addEventListener("close", (event) => event.target.id === "cm-request" && closed(), true);
  addEventListener("popstate", () => {
    if (wanted()) open(location.href, { remember: false });
    else if (layer()?.open) { asked += 1; layer().close(); select(null); }
  });

  document.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button) return;
    let link = event.target.closest("a[data-request]");
    if (!link && !event.target.closest("a, button") && !getSelection().toString()) link = event.target.closest("tr[data-id]")?.querySelector("a[data-request]");
    if (!link) return;
    event.preventDefault();
    open(link.href);
  });
  document.addEventListener("keydown", (event) => {
    if (!layer()?.open || event.metaKey || event.ctrlKey || event.altKey) return;
    const towards = { ArrowUp: "[data-above]", ArrowDown: "[data-below]" }[event.key];
    if (!towards) return;
    event.preventDefault();
    layer().querySelector(towards)?.click();
  });

  /* What is new. A cheap question every few seconds while the page is looked at; the page itself only when the answer changed. */
  function draw(page) {
    if (!at("requests") || !at("requests", page)) { location.reload(); return; }
    const focused = document.activeElement?.closest?.("tr[data-id]")?.dataset.id;
    for (const id of ["figures", "shares"]) at(id)?.replaceChildren(...at(id, page).childNodes);
    at("requests").dataset.newest = at("requests", page).dataset.newest;
    at("requests").replaceChildren(...at("requests", page).childNodes);
    document.querySelector(".cm-purse")?.replaceChildren(...(page.querySelector(".cm-purse")?.childNodes ?? []));
    if (at("chart")) chart(at("chart"), at("chart", page));
    at("live").hidden = false;
    select(wanted());
    if (focused) place.querySelector(`tr[data-id="${focused}"] a`)?.focus();
  }
  function chart(old, drawn) {
    old.querySelector("[data-chart]").dataset.chart = drawn.querySelector("[data-chart]").dataset.chart;
    for (const part of ["table", ".cm-legend"]) old.querySelector(part).replaceWith(drawn.querySelector(part));
    document.dispatchEvent(new Event("cm:chart"));
  }
  async function watch() {
    let wait = LEAST_WAIT;
    if (document.visibilityState === "visible") {
      const began = performance.now();
      try {
        const reply = await fetch(place.dataset.watch, { headers: { accept: "application/json" } });
        if (!reply.ok || reply.redirected) return; /* signed out: the next click says so */
        const { newest } = await reply.json();
        if (newest !== (at("requests")?.dataset.newest ?? "")) draw(await read(place.dataset.here));
      } catch { /* away for a moment; asked again later */ }
      wait = Math.max(LEAST_WAIT, 20 * (performance.now() - began));
    }
    setTimeout(watch, wait);
  }
  if (place.dataset.watch) {
    if (at("live")) at("live").hidden = false;
    setTimeout(watch, LEAST_WAIT);
  }
})();
