// Saves each form of the briefing while one types. Without this file the same forms are saved by their buttons.
"use strict";

(() => {
  const WAIT_MS = 1200; // after the last key
  const words = document.getElementById("briefing-words")?.dataset ?? {};

  for (const form of document.querySelectorAll("form[data-autosave]")) {
    const told = form.querySelector(".saving [role=status]");
    if (!told) continue;
    let timer = 0;
    let dirty = false;
    let saving = false;
    let stopped = false; // a conflict waits for a decision

    const forget = () => form.querySelector(".problem.live")?.remove();

    const save = async (keepalive = false) => {
      clearTimeout(timer);
      if (!dirty || saving || stopped || !form.checkValidity()) return;
      saving = true;
      dirty = false;
      told.textContent = words.saving;
      try {
        const body = new URLSearchParams(new FormData(form));
        if (body.has("seen")) body.set("do", "save");
        const response = await fetch(form.action, { method: "POST", headers: { Accept: "application/json" }, body, keepalive });
        const answer = await response.json();
        if (response.ok) {
          forget();
          for (const name of ["version", "answer_version", "seen", "seen_answer"]) {
            if (name in answer && form.elements[name]) form.elements[name].value = answer[name];
          }
          const chip = form.querySelector("[data-status]");
          if (chip && answer.theirs) {
            chip.textContent = answer.status;
            chip.className = `tag status ${answer.theirs.status}`;
          }
          const title = form.querySelector("h3 a, h3");
          if (title && answer.theirs) (form.querySelector("h3 a") ?? title).textContent = answer.theirs.title;
          const text = form.querySelector(".brief-text");
          if (text && answer.theirs) text.textContent = answer.theirs.text;
          told.textContent = `${words.saved} ${answer.saved}`;
        } else if (response.status === 409 && answer.theirs) {
          ask(answer);
        } else {
          tell(answer.problem ?? answer.error?.message ?? words.failed);
        }
      } catch {
        dirty = true;
        told.textContent = words.failed;
      } finally {
        saving = false;
      }
      if (dirty && !stopped) later();
    };

    const box = (message) => {
      forget();
      const found = document.createElement("div");
      found.className = "problem live";
      found.setAttribute("role", "alert");
      const line = document.createElement("p");
      line.textContent = message;
      found.append(line);
      told.closest(".saving").before(found);
      told.textContent = "";
      return found;
    };

    const tell = (message) => box(message);

    const button = (label, action) => {
      const made = document.createElement("button");
      made.type = "button";
      made.className = "quiet-button";
      made.textContent = label;
      made.addEventListener("click", action);
      return made;
    };

    // Somebody else changed it: both are shown, and nothing is saved before one is chosen.
    const ask = (answer) => {
      stopped = true;
      const found = box(answer.problem);
      const theirs = document.createElement("dl");
      theirs.className = "theirs";
      for (const [name, value] of Object.entries(answer.theirs)) {
        const control = form.elements[name];
        const shown = control?.type === "checkbox" ? control.checked : control?.value;
        if (!control || shown === value) continue;
        const row = document.createElement("div");
        const term = document.createElement("dt");
        const text = document.createElement("dd");
        term.textContent = control.closest("label")?.firstChild?.textContent?.trim() || control.closest("label")?.textContent?.trim() || name;
        text.textContent = value === true ? "✓" : value === false ? "–" : String(value) || "–";
        row.append(term, text);
        theirs.append(row);
      }
      found.append(
        theirs,
        button(words.theirs, () => location.reload()),
        button(words.mine, () => {
          for (const name of ["version", "answer_version"]) if (name in answer && form.elements[name]) form.elements[name].value = answer[name];
          stopped = false;
          dirty = true;
          save();
        }),
      );
    };

    const later = () => {
      clearTimeout(timer);
      timer = setTimeout(save, WAIT_MS);
    };

    form.addEventListener("input", (event) => {
      dirty = true;
      if (!event.isComposing) later(); // a syllable under composition is not what is meant yet
    });
    form.addEventListener("change", () => { dirty = true; save(); });
    form.addEventListener("submit", (event) => {
      const what = event.submitter?.value ?? "save";
      if (what !== "save") return; // choosing and moving change the page's order: the server shows it anew
      event.preventDefault();
      dirty = true;
      save();
    });
    addEventListener("pagehide", () => save(true));
  }
})();
