/* Before the first paint: the reader's own choice of light or dark, if one was made. Without it the system decides. */
(function () {
  try {
    const chosen = localStorage.getItem("cm_theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch { /* storage may be switched off; then the system decides */ }
})();
