/* What pages do beyond plain HTML: theme, copying, layers, shortcuts, ticking times, toasts. Every page works without it. */
(function () {
  "use strict";
  const root = document.documentElement;
  const words = root.dataset;
  const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));
  const stored = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const store = (key, value) => { try { localStorage.setItem(key, value); } catch { /* switched off */ } };

  /* Theme */
  function isDark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }
  function switchTheme() {
    root.dataset.theme = isDark() ? "light" : "dark";
    store("cm_theme", root.dataset.theme);
    document.dispatchEvent(new Event("cm:theme"));
  }

  /* Toasts: past tense, six seconds, never for errors. */
  function keepToast(toast) { setTimeout(() => toast.remove(), 6000); }
  function say(text) {
    const toast = document.createElement("div");
    toast.className = "cm-toast";
    toast.setAttribute("role", "status");
    toast.textContent = text;
    document.getElementById("cm-toasts").append(toast);
    keepToast(toast);
  }
  document.addEventListener("toast", (event) => say(event.detail.value || event.detail.text));

  /* Layers: <dialog> closes on Esc and gives focus back by itself. */
  function show(id) {
    const layer = document.getElementById(id);
    if (!layer || layer.open) return;
    layer.showModal();
    begin(layer);
    layer.querySelector("[data-narrows]")?.dispatchEvent(new Event("input"));
  }
  /* What comes first: what is wrong, else the first field, the secret to copy, or the way back. */
  function begin(layer) {
    const first = layer.querySelector("[aria-invalid=true]") || layer.querySelector("input:not([type=hidden]), select, textarea, .cm-secret [data-copy], .acts a");
    first?.focus();
  }
  /* A secret that is shown once does not go before its box is ticked: neither by Esc nor by a click beside it. */
  const unticked = (layer) => layer?.querySelector("[data-enables]:not(:checked)");
  function close(layer) {
    const box = unticked(layer);
    if (box) box.focus(); else layer?.close();
  }
  /* A layer that the address asked for: when it closes, the address is the page's again, and focus is on what leads to it. */
  function openNow(within) {
    all("dialog[data-now]", within).forEach((layer) => {
      const asked = location.href;
      layer.removeAttribute("data-now");
      layer.removeAttribute("open"); /* close() would announce a close that nobody asked for */
      layer.showModal();
      begin(layer);
      layer.addEventListener("close", () => {
        history.replaceState(null, "", layer.querySelector(".foot a[href], .acts a[href]")?.href || location.pathname);
        (all("main a[href]").find((link) => link.href === asked) || document.querySelector("[data-create]"))?.focus();
      }, { once: true });
    });
  }

  function foldSide() { document.getElementById("cm-shell")?.classList.remove("is-open"); }

  async function copy(button) {
    const wanted = button.dataset.copy;
    await navigator.clipboard.writeText(wanted);
    say(words.copied);
  }

  document.addEventListener("click", (event) => {
    const hit = event.target.closest("[data-open],[data-copy],[data-theme-switch],[data-side],[data-close]");
    if (!hit) {
      all("details[data-menu][open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
      if (event.target.matches("dialog")) close(event.target);
      if (!event.target.closest(".cm-side")) foldSide();
      return;
    }
    if (hit.dataset.open) { event.preventDefault(); show(hit.dataset.open); }
    else if (hit.dataset.copy !== undefined) copy(hit);
    else if (hit.dataset.themeSwitch !== undefined) switchTheme();
    else if (hit.dataset.side !== undefined) document.getElementById("cm-shell").classList.toggle("is-open");
    else if (hit.dataset.close) { event.preventDefault(); close(document.getElementById(hit.dataset.close)); }
  });

  /* A box that must be ticked, a word that must be typed, before the button works. */
  function guard(within) {
    all("[data-enables]", within).forEach((box) => {
      const target = document.getElementById(box.dataset.enables);
      const set = () => { target.toggleAttribute("inert", !box.checked); target.setAttribute("aria-disabled", String(!box.checked)); };
      box.addEventListener("change", set);
      set();
    });
    all("[data-word]", within).forEach((field) => {
      const button = field.form.querySelector(".is-danger");
      const set = () => { button.disabled = field.value.trim() !== field.dataset.word; };
      field.addEventListener("input", set);
      set();
    });
    all("[data-narrows]", within).forEach((field) => field.addEventListener("input", () => narrow(field)));
    all("[data-toast]", within).forEach(keepToast);
    all("[data-theme-switch]", within).forEach((button) => { button.hidden = false; });
  }
  function narrow(field) {
    const wanted = field.value.trim().toLowerCase();
    all("a", document.getElementById(field.dataset.narrows)).forEach((link) => {
      link.hidden = wanted !== "" && !link.textContent.toLowerCase().includes(wanted);
    });
  }

  /* Relative times tick while they are under an hour old. */
  function tick() {
    const now = Date.now();
    all("time[datetime]:not([data-still])").forEach((time) => {
      const seconds = Math.floor((now - Date.parse(time.dateTime)) / 1000);
      if (seconds < 0 || seconds >= 3600) return;
      const text = seconds < 60 ? words.secondsAgo.replace("#", String(seconds)) : words.minutesAgo.replace("#", String(Math.floor(seconds / 60)));
      if (time.textContent !== text) time.textContent = text;
    });
  }
  setInterval(tick, 1000);

  /* Shortcuts: single letters only when nothing is being typed, and only while they are switched on (WCAG 2.1.4). */
  let afterG = false;
  const visible = (element) => element && element.getClientRects().length > 0;
  function press(selector) { const target = all(selector).find(visible); if (target) target.click(); return Boolean(target); }
  function step(by) {
    const rows = all("[data-row]").filter(visible);
    if (!rows.length) return;
    const at = rows.indexOf(document.activeElement);
    rows[Math.max(0, Math.min(rows.length - 1, at + by))].focus();
  }
  function letter(event) {
    const key = event.key.toLowerCase();
    if (afterG) { afterG = false; return press(`[data-go="${CSS.escape(key)}"]`); }
    if (key === "g") { afterG = true; setTimeout(() => { afterG = false; }, 1500); return false; }
    if (event.key === "?") { show("cm-help"); return true; }
    if (key === "/") { const filter = document.querySelector("[data-filter]"); filter?.focus(); return Boolean(filter); }
    if (key === "c") return press("[data-create]");
    if (key === "j") { step(1); return true; }
    if (key === "k") { step(-1); return true; }
    return press(`[data-key="${CSS.escape(key)}"]`);
  }
  document.addEventListener("keydown", (event) => {
    if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") { event.preventDefault(); show("cm-jump"); return; }
    if ((event.metaKey || event.ctrlKey) && event.key === "Enter") { event.target.form?.requestSubmit(); return; }
    if (event.key === "Enter" && event.target.matches("[data-narrows]")) { press(`#${event.target.dataset.narrows} a:not([hidden])`); return; }
    if (event.key === "Escape") {
      foldSide();
      const layer = event.target.closest("dialog[open]");
      if (unticked(layer)) { event.preventDefault(); close(layer); }
    }
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (typing || event.metaKey || event.ctrlKey || event.altKey || stored("cm_single_keys") === "off") return;
    if (letter(event)) event.preventDefault();
  });

  function start() {
    guard(document);
    openNow(document);
    const singles = document.querySelector("[data-single-keys]");
    if (singles) {
      singles.checked = stored("cm_single_keys") !== "off";
      singles.addEventListener("change", () => store("cm_single_keys", singles.checked ? "on" : "off"));
    }
    const wanted = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (wanted && wanted.tagName === "DETAILS") wanted.open = true;
    addEventListener("hashchange", () => {
      const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
      if (target && target.tagName === "DETAILS") target.open = true;
    });
  }
  document.addEventListener("htmx:load", (event) => { if (event.target !== document.body) { guard(event.target); openNow(event.target); } });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start); else start();
  window.cm = { say, show };
})();
