/* The living policy with a keyboard: N goes to the next promise that is not kept, O opens all; the contents follow the reader. */
(function () {
  "use strict";
  const all = (selector) => Array.from(document.querySelectorAll(selector));

  function next() {
    const bad = all(".cm-promise.is-broken, .cm-promise.is-unknown");
    const current = bad.indexOf(document.activeElement?.closest(".cm-promise"));
    const target = bad[(current + 1) % bad.length];
    if (!target) return;
    target.open = true;
    target.querySelector("summary").focus();
    target.scrollIntoView({ block: "start" });
  }
  function openAll() {
    const promises = all(".cm-promise");
    const open = promises.some((promise) => !promise.open);
    promises.forEach((promise) => { promise.open = open; });
  }
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-policy-next]")) next();
    if (event.target.closest("[data-policy-open]")) openAll();
  });

  document.addEventListener("DOMContentLoaded", () => {
    const links = new Map(all(".cm-toc a").map((link) => [link.hash.slice(1), link]));
    const watcher = new IntersectionObserver((entries) => {
      entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
        links.forEach((link) => link.removeAttribute("aria-current"));
        links.get(entry.target.id)?.setAttribute("aria-current", "true");
      });
    }, { rootMargin: "0px 0px -75% 0px" });
    all(".cm-clause").forEach((clause) => watcher.observe(clause));
  });
})();
