/* Passkeys (WebAuthn). A form with data-passkey asks the server what to ask the device, and sends on what the device says.
   Without this script, or where the browser knows no passkeys, the forms stay hidden and the other ways in work. */
(() => {
  const forms = Array.from(document.querySelectorAll("form[data-passkey]"));
  if (!window.PublicKeyCredential || !navigator.credentials) return;
  const known = (() => { try { return localStorage.getItem("cm_passkey") === "yes"; } catch { return false; } })();
  const remember = () => { try { localStorage.setItem("cm_passkey", "yes"); } catch { /* switched off */ } };
  let waiting = null;

  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (each) => each.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const named = (list) => (list || []).map((each) => ({ ...each, id: bytes(each.id) }));

  function asked(options) {
    const made = { ...options, challenge: bytes(options.challenge) };
    if (options.user) made.user = { ...options.user, id: bytes(options.user.id) };
    if (options.excludeCredentials) made.excludeCredentials = named(options.excludeCredentials);
    if (options.allowCredentials) made.allowCredentials = named(options.allowCredentials);
    return made;
  }

  function said(credential) {
    const held = credential.response;
    const response = { clientDataJSON: text(held.clientDataJSON) };
    if (held.attestationObject) {
      response.attestationObject = text(held.attestationObject);
      response.transports = held.getTransports ? held.getTransports() : [];
    } else {
      response.authenticatorData = text(held.authenticatorData);
      response.signature = text(held.signature);
      if (held.userHandle) response.userHandle = text(held.userHandle);
    }
    return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response, clientExtensionResults: {} });
  }

  /* One question at a time: each belongs to the cookie that the first one's reply sets. */
  let asking = Promise.resolve();
  function ask(form) {
    asking = asking.catch(() => null).then(() => question(form));
    return asking;
  }

  async function question(form) {
    const reply = await fetch(form.dataset.ask, { method: "POST", headers: { accept: "application/json" } });
    if (reply.status === 403 && form.dataset.again) { location.assign(form.dataset.again); return null; }
    if (!reply.ok) throw new Error(String(reply.status));
    return asked(await reply.json());
  }

  function send(form, credential) {
    form.querySelector("input[data-credential]").value = said(credential);
    remember();
    form.submit();
  }

  async function use(form, more) {
    const publicKey = await ask(form);
    if (!publicKey) return;
    const wish = { publicKey, ...more };
    const credential = form.dataset.passkey === "create" ? await navigator.credentials.create(wish) : await navigator.credentials.get(wish);
    if (credential) send(form, credential);
  }

  async function press(form) {
    const button = form.querySelector("button");
    const wrong = form.querySelector("[data-wrong]");
    waiting?.abort();
    waiting = new AbortController();
    button.disabled = true;
    wrong.hidden = true;
    try {
      await use(form, { signal: waiting.signal });
    } catch (failure) {
      if (failure.name !== "AbortError") {
        wrong.textContent = failure.name === "InvalidStateError" ? wrong.dataset.known || wrong.dataset.wrong : wrong.dataset.wrong;
        wrong.hidden = false;
      }
    }
    button.disabled = false;
  }

  /* Passkeys among the suggestions of the e-mail field, before anything is pressed. */
  async function suggest(form) {
    if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
    waiting = new AbortController();
    try { await use(form, { mediation: "conditional", signal: waiting.signal }); } catch { /* nothing was chosen */ }
  }

  for (const form of forms) {
    form.hidden = false;
    form.addEventListener("submit", (event) => { event.preventDefault(); press(form); });
    if (form.dataset.suggest !== undefined) suggest(form);
    const first = form.dataset.first && document.getElementById(form.dataset.first);
    if (first && known) {
      first.append(form);
      first.hidden = false;
      form.querySelector("button").classList.add("is-primary");
      document.querySelector("#cm-email button")?.classList.remove("is-primary");
    }
  }
})();
