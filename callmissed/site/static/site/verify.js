/* "Verify in this browser": takes the record of a check, its proof of inclusion and the signed checkpoint, and computes
   everything anew with the browser's own SHA-256 and Ed25519. The server only delivers the parts.
   Formats: RFC 6962 §2.1 (tree), RFC 9162 §2.1.3.2 (proof), RFC 8785 (canonical JSON), C2SP tlog-checkpoint (note). */
(function () {
  "use strict";
  const text = (words) => new TextEncoder().encode(words);
  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const fromHex = (word) => Uint8Array.from(word.match(/../g) || [], (pair) => parseInt(pair, 16));
  const fromBase64 = (word) => Uint8Array.from(atob(word), (letter) => letter.charCodeAt(0));
  const join = (...parts) => Uint8Array.from(parts.flatMap((part) => Array.from(part)));
  const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const node = (left, right) => sha256(join([1], left, right));

  function canonical(value) {
    if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
    if (value === null || typeof value !== "object") return JSON.stringify(value);
    return `{${Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
  }

  function numbered(sequence) {
    const bytes = new DataView(new ArrayBuffer(8));
    bytes.setBigUint64(0, BigInt(sequence));
    return new Uint8Array(bytes.buffer);
  }

  async function rootOf(leaf, position, size, steps) {
    let place = position, last = size - 1, root = leaf;
    for (const step of steps) {
      if (last === 0) return null;
      if (place % 2 || place === last) {
        root = await node(step, root);
        while (place % 2 === 0 && place) { place = Math.floor(place / 2); last = Math.floor(last / 2); }
      } else root = await node(root, step);
      place = Math.floor(place / 2);
      last = Math.floor(last / 2);
    }
    return last === 0 ? root : null;
  }

  async function signedCheckpoint(note, verifierKey) {
    const [name, shown, ...encoded] = verifierKey.split("+"); /* base64 may hold a plus of its own */
    const raw = fromBase64(encoded.join("+")).slice(1);
    const id = (await sha256(join(text(name), [10, 1], raw))).slice(0, 4);
    if (hex(id) !== shown) return null;
    const cut = note.indexOf("\n\n");
    const said = note.slice(0, cut + 1);
    const key = await crypto.subtle.importKey("raw", raw, { name: "Ed25519" }, false, ["verify"]);
    for (const line of note.slice(cut + 2).split("\n").filter(Boolean)) {
      const [, signer, signature] = line.split(" ");
      const bytes = fromBase64(signature);
      if (signer !== name || hex(bytes.slice(0, 4)) !== hex(id)) continue;
      if (!(await crypto.subtle.verify({ name: "Ed25519" }, key, bytes.slice(4), text(said)))) continue;
      const [origin, size, root] = said.split("\n");
      if (origin === name) return { size: Number(size), root: fromBase64(root) };
    }
    return null;
  }

  /* Returns how many hashes agreed. Throws with the name of the first thing that does not. */
  async function verify(parts) {
    const checkpoint = await signedCheckpoint(parts.note, parts.public_key);
    if (!checkpoint) throw new Error("signature");
    const digest = await sha256(text(canonical(parts.record)));
    if (parts.record.tenant !== parts.tenant) throw new Error("record");
    const entry = await sha256(join([0], fromHex(parts.tenant.replaceAll("-", "")), numbered(parts.sequence), digest));
    const root = await rootOf(entry, parts.position, checkpoint.size, parts.proof.map(fromHex));
    if (!root || hex(root) !== hex(checkpoint.root)) throw new Error("tree");
    return parts.proof.length + 2;
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-verify]");
    if (!button) return;
    const output = button.parentElement.querySelector("output");
    button.disabled = true;
    try {
      const reply = await fetch(button.dataset.verify);
      if (!reply.ok) throw new Error("unreachable");
      const hashes = await verify(await reply.json());
      output.className = "cm-is-kept";
      output.textContent = button.dataset.good.replace("#", String(hashes));
    } catch (failure) {
      const unable = failure.message === "unreachable" || failure.name === "NotSupportedError";
      output.className = unable ? "cm-is-unknown" : "cm-is-broken";
      output.textContent = unable ? button.dataset.unable : button.dataset.bad;
    }
    button.disabled = false;
  });
})();
