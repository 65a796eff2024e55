/* Uploading with a bar and an error beside the file; without this script the form posts as it is. */
(() => {
  const form = document.getElementById("upload");
  if (!form) return;
  const [bar, state, wrong] = ["progress", "upload-state", "upload-wrong"].map((id) => document.getElementById(id));
  const MOST = 20 * 1000 * 1000;

  function refuse(message) {
    bar.hidden = true;
    state.textContent = "";
    wrong.textContent = message;
    wrong.hidden = false;
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    wrong.hidden = true;
    if (form.elements.file.files[0].size > MOST) {
      refuse(form.dataset.large);
      return;
    }
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("accept", "application/json");
    request.responseType = "json";
    bar.hidden = false;
    bar.value = 0;
    request.upload.addEventListener("progress", (sent) => {
      bar.value = (sent.loaded / sent.total) * 100;
      state.textContent = `${Math.round(bar.value)} %`;
    });
    request.upload.addEventListener("load", () => (state.textContent = form.dataset.reading));
    request.addEventListener("error", () => refuse(form.dataset.failed));
    request.addEventListener("load", () => {
      if (request.status < 300) location.href = request.response.place;
      else refuse(request.response?.detail || form.dataset.failed);
    });
    request.send(new FormData(form));
  });
})();
