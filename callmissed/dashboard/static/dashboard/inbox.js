/* The inbox as it happens: news comes as server-sent events, then the page asks for itself again and changes what differs. */
(() => {
  const at = (id, within = document) => within.getElementById(id);
  const frame = at("inbox");
  if (!frame) return;
  const open = frame.dataset.conversation;
  const messages = () => at("messages");
  const toEnd = () => messages() && (messages().scrollTop = messages().scrollHeight);
  let running = null;
  let again = false;

  /* Draws a fetched copy of this page over the open one; typed text and the place in the thread stay. */
  function draw(page) {
    renew("list", page);
    const count = page.querySelector(".cm-side .item[data-go=i]");
    if (count) document.querySelector(".cm-side .item[data-go=i]")?.replaceChildren(...count.childNodes);
    if (!open || !at("head", page)) return;
    renew("head", page);
    renew("context", page);
    if (at("compose").dataset.state !== at("compose", page).dataset.state) {
      at("compose").replaceWith(at("compose", page));
      at("answer")?.focus();
    }
    const known = new Set(Array.from(messages().children, key));
    const near = messages().scrollHeight - messages().scrollTop - messages().clientHeight < 160;
    for (const each of Array.from(at("messages", page).children)) if (!known.has(key(each))) messages().append(each);
    if (near) toEnd();
    see();
  }
  /* What is the same stays as it is: a button must not vanish under a pointer that is pressing it. */
  function renew(id, page) {
    if (at(id).innerHTML !== at(id, page).innerHTML) at(id).replaceChildren(...at(id, page).childNodes);
  }

  const key = (each) => each.dataset.ordinal ?? each.dataset.day;

  async function reload() {
    if (running) {
      again = true;
      return running;
    }
    running = fetch(location.href, { headers: { accept: "text/html" } })
      .then(async (reply) => {
        if (reply.redirected) location.reload();
        else if (reply.ok) draw(new DOMParser().parseFromString(await reply.text(), "text/html"));
        else if (reply.status === 404) location.href = "/app/inbox";
      })
      .catch(() => { /* the stream reconnects and asks again */ })
      .finally(() => {
        running = null;
        if (again) {
          again = false;
          reload();
        }
      });
    return running;
  }

  function see() {
    const unread = document.querySelector(".cm-convo.is-unread[aria-current]");
    if (open && unread && document.visibilityState === "visible") fetch(`/app/inbox/${open}/seen`, { method: "POST" }).catch(() => {});
  }

  /* Acts: sent without leaving the page; what goes wrong stands beside them and the words stay. */
  function wrong(message) {
    const place = at("wrong");
    if (!place) return;
    place.textContent = message;
    place.hidden = !message;
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("form[data-act]");
    if (!form) return;
    event.preventDefault();
    if (form.dataset.busy) return;
    form.dataset.busy = "1";
    wrong("");
    try {
      const reply = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { accept: "application/json" } });
      if (!reply.ok) {
        wrong((await reply.json().catch(() => ({}))).detail || frame.dataset.wrong);
        return;
      }
      const page = new DOMParser().parseFromString(await reply.text(), "text/html");
      if (form.id === "reply") {
        form.elements.text.value = "";
        form.elements.client_ref.value = page.querySelector("#reply [name=client_ref]")?.value ?? "";
      }
      draw(page);
      toEnd();
    } catch {
      wrong(frame.dataset.wrong);
    } finally {
      delete form.dataset.busy;
    }
  });
  document.addEventListener("visibilitychange", see);

  toEnd();
  see();
  at("answer")?.focus();
  const news = new EventSource("/app/inbox/events");
  news.addEventListener("ready", reload);
  news.addEventListener("news", reload);
  addEventListener("pagehide", () => news.close());
})();
