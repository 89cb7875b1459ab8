// The editor of procedures. The server carries out what the buttons of rows ask; this keeps the page, the focus and
// the place of reading where they are, and warns before something unsaved is left. Without it the same buttons work.
"use strict";

(() => {
  const form = () => document.getElementById("desk-form");
  const byId = (id) => (id ? document.getElementById(id) : null);
  const PAGE = /^(save|over|both|as):?/;
  document.documentElement.classList.add("desk-scripted");
  let busy = false;
  let leaving = false;

  // -- what is unsaved ------------------------------------------------------------------------------------------
  const touch = () => {
    byId("unsaved").value = "1";
    form().dataset.unsaved = "";
  };

  window.addEventListener("beforeunload", (event) => {
    if (!leaving && form()?.hasAttribute("data-unsaved")) event.preventDefault();
  });
  window.addEventListener("pageshow", () => (leaving = false));

  // -- buttons of rows ------------------------------------------------------------------------------------------
  document.addEventListener("submit", (event) => {
    if (event.target !== form()) return;
    const button = event.submitter;
    if (busy || button?.getAttribute("aria-disabled") === "true") {
      event.preventDefault();
      if (!busy) say(button.id.startsWith("up:") ? "It is the first one already." : "It is the last one already.");
      return;
    }
    if (!button || PAGE.test(button.value)) {
      leaving = true;
      return;
    }
    event.preventDefault();
    ask(button);
  });

  const ask = async (button) => {
    busy = true;
    const before = button.getBoundingClientRect().top;
    const answer = await fetch(form().action, {
      method: "POST",
      body: new FormData(form(), button),
      headers: { "X-Desk": "form" },
    }).catch(() => null);
    busy = false;
    if (!answer?.ok && answer?.status !== 422) return say("The hub did not answer as expected. Nothing is lost: try again, or save.");
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("desk-form");
    if (!fresh) return say("The hub did not answer as expected. Perhaps you were signed out: keep a copy of your text.");
    form().replaceWith(document.importNode(fresh, true));
    arrive(before);
  };

  // the pressed button stays under the finger or the eye, wherever its row went
  const arrive = (before) => {
    const target = byId(form().dataset.focus);
    if (target) {
      reveal(target);
      target.focus({ preventScroll: true });
      const after = target.getBoundingClientRect().top;
      if (target.matches("button") && before !== undefined) window.scrollBy(0, after - before);
      else target.scrollIntoView({ block: "center" });
    }
    say(form().dataset.says);
  };

  const say = (text) => {
    const place = byId("desk-says");
    place.textContent = "";
    // an empty moment, so that the same words are said again
    setTimeout(() => (place.textContent = text), 50);
  };

  // -- steps that open and close ----------------------------------------------------------------------------------
  const open = (step, so) => {
    step.querySelector("[data-toggle]").setAttribute("aria-expanded", String(so));
    step.querySelector(".desk-step-body").classList.toggle("desk-closed", !so);
    step.querySelector("[data-open]").value = so ? "1" : "";
  };

  const reveal = (target) => {
    const step = target.closest(".desk-step-body")?.closest("[data-step]");
    if (step) open(step, true);
    for (let part = target.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
  };

  document.addEventListener("click", (event) => {
    const toggle = event.target.closest("[data-toggle]");
    if (toggle) return open(toggle.closest("[data-step]"), toggle.getAttribute("aria-expanded") !== "true");
    const link = event.target.closest("[data-to]");
    const target = link && byId(link.dataset.to);
    if (!target) return;
    event.preventDefault();
    reveal(target);
    target.focus({ preventScroll: true });
    target.scrollIntoView({ block: "center" });
  });

  document.addEventListener("DOMContentLoaded", () => {
    if (!form()) return;
    document.addEventListener("input", (event) => event.target.closest("#desk-form") && touch());
    document.addEventListener("keydown", (event) => {
      if (event.key !== "s" || !(event.ctrlKey || event.metaKey) || event.altKey) return;
      event.preventDefault();
      form().requestSubmit(byId("save"));
    });
    window.hubKeys?.describe("Ctrl S", "save the draft");
    const asked = decodeURIComponent(location.hash.slice(1));
    const target = byId(form().dataset.focus) ?? byId("moved") ?? byId("problem") ?? byId("problems") ?? byId(asked);
    if (!target) return;
    reveal(target);
    target.focus();
  });
})();
