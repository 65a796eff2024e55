/* CallMissed chat: one button and one frame on your page. Nothing else is read or changed.
   <script src="https://…/widget/ID.js" async></script>
   data-into="#place"  show the chat inside that element instead of behind a button
   data-language="hi"  language of the chat; otherwise the page's own */
(() => {
  const script = document.currentScript;
  if (!script || script.dataset.loaded) return;
  script.dataset.loaded = "1";
  const base = script.src.replace(/\.js(\?.*)?$/, "");
  const lang = script.dataset.language || document.documentElement.lang.split("-")[0] || "";
  const hindi = lang === "hi";
  const words = hindi ? { open: "चैट खोलें", chat: "चैट" } : { open: "Open the chat", chat: "Chat" };

  function makeFrame(closable) {
    const frame = document.createElement("iframe");
    const query = new URLSearchParams();
    if (lang) query.set("lang", lang);
    if (closable) query.set("closable", "1");
    frame.src = `${base}/frame?${query}`;
    frame.title = words.chat;
    return frame;
  }

  function inline(place) {
    const frame = makeFrame(false);
    frame.style.cssText = "border:0;width:100%;height:100%;display:block;color-scheme:normal";
    place.append(frame);
  }

  function behindButton() {
    const host = document.createElement("div");
    const root = host.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`
      :host { all: initial; }
      button { position: fixed; inset-block-end: 20px; inset-inline-end: 20px; z-index: 2147483000; width: 56px; height: 56px;
        border: 0; border-radius: 50%; background: light-dark(#2c3a9e, #a9b3ff); color: light-dark(#fff, #10142c); cursor: pointer;
        box-shadow: 0 8px 24px -8px rgb(18 20 28 / 45%); color-scheme: light dark; }
      button:focus-visible { outline: 2px solid #2c3a9e; outline-offset: 3px; }
      svg { width: 26px; height: 26px; fill: none; stroke: currentColor; stroke-width: 1.75; stroke-linecap: round; stroke-linejoin: round; }
      iframe { position: fixed; inset-block-end: 20px; inset-inline-end: 20px; z-index: 2147483001; width: 400px; height: min(640px, calc(100dvh - 40px));
        border: 0; border-radius: 18px; box-shadow: 0 16px 48px -12px rgb(13 15 20 / 35%); color-scheme: normal; }
      [hidden] { display: none; }
      @media (max-width: 480px) { iframe { inset: 0; width: 100%; height: 100dvh; border-radius: 0; } }`);
    root.adoptedStyleSheets = [sheet];
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-label", words.open);
    const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    picture.setAttribute("viewBox", "0 0 24 24");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    line.setAttribute("d", "M8 9h8M8 13h6M18 4a3 3 0 0 1 3 3v8a3 3 0 0 1-3 3h-5l-5 3v-3H6a3 3 0 0 1-3-3V7a3 3 0 0 1 3-3z");
    picture.append(line);
    button.append(picture);
    root.append(button);
    let frame = null;
    const show = (open) => {
      if (open && !frame) root.append((frame = makeFrame(true)));
      if (frame) frame.hidden = !open;
      button.hidden = open;
      open ? frame.focus() : button.focus();
    };
    button.addEventListener("click", () => show(true));
    addEventListener("message", (event) => {
      if (frame && event.source === frame.contentWindow && event.data === "callmissed:close") show(false);
    });
    document.body.append(host);
  }

  function start() {
    const place = script.dataset.into && document.querySelector(script.dataset.into);
    place ? inline(place) : behindButton();
  }
  document.readyState === "loading" ? addEventListener("DOMContentLoaded", start) : start();
})();
