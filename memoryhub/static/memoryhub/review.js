// The conflict pages: choosing rows of the queue, and deciding one conflict. Builds on hub.js; no inline code.
"use strict";

(() => {
  const PING_MS = 10_000;

  // -- queue: rows for a bulk decision ------------------------------------------------------------------------------
  const startChoosing = (form) => {
    const boxes = [...form.querySelectorAll("[name=chosen]")];
    const all = form.querySelector("[data-choose-all]");
    const count = form.querySelector("[data-chosen-count]");
    const show = () => {
      const chosen = boxes.filter((box) => box.checked).length;
      count.textContent = chosen ? `(${chosen})` : "";
      all.checked = chosen === boxes.length;
      all.indeterminate = chosen > 0 && chosen < boxes.length;
    };
    all.addEventListener("change", () => {
      for (const box of boxes) box.checked = all.checked;
      show();
    });
    for (const box of boxes) box.addEventListener("change", show);
    window.hubKeys.add("x", "choose the row for a bulk decision", () => {
      const box = document.querySelector(".hub-at [name=chosen]");
      if (box) box.click();
    });
    show();
  };

  // -- review: one conflict -----------------------------------------------------------------------------------------
  const startReview = (form) => {
    const reason = document.getElementById("reason");
    const resolve = document.getElementById("resolve");
    let unsaved = false;
    let sending = false;
    let suggested = "";

    // the row that keys are about: the one that j and k went to, else the first that needs a pick
    const row = () =>
      document.querySelector("tr.hub-at[data-path]") ??
      form.querySelector("tr.hub-path-clash:not(:has(.hub-state-picked, .hub-state-decided))") ??
      form.querySelector("tr[data-path]");

    const choose = (choice) => {
      const at = row();
      const radio = at?.querySelector(`input[type=radio][value="${CSS.escape(choice)}"]`);
      if (!radio || radio.disabled) return;
      window.hubKeys.goTo(at);
      radio.checked = true;
      radio.dispatchEvent(new Event("change", { bubbles: true }));
      return at;
    };

    const startKeys = () => {
      window.hubKeys.add("1", "keep the committed value of the path", () => choose("current"));
      for (const place of [1, 2, 3, 4, 5, 6, 7, 8]) {
        if (!form.querySelector(`input[value="candidate:${place}"]`)) continue;
        const name = form.querySelector(`[data-side="candidate:${place}"]`)?.textContent.trim() ?? "";
        window.hubKeys.add(String(place + 1), `take the value of ${name}`, () => choose(`candidate:${place}`));
      }
      if (form.querySelector("input[value=both]")) window.hubKeys.add("b", "keep both", () => choose("both"));
      window.hubKeys.add("e", "edit the value of the path", () => choose("value")?.querySelector("textarea").focus());
      window.hubKeys.describe("n", "skip to the next conflict");
      window.hubKeys.describe("u", "undo your last decision");
      window.hubKeys.describe("Ctrl Enter", "resolve");
    };

    document.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      form.requestSubmit(resolve);
    });

    // a suggested reason goes in as long as nobody wrote one
    const suggest = () => {
      const text = document.getElementById("suggestion").textContent.trim();
      if (reason.value === "" || reason.value === suggested) reason.value = text;
      suggested = text;
    };
    for (const button of document.querySelectorAll("[data-reason]")) {
      button.addEventListener("click", () => {
        reason.value = button.dataset.reason;
        reason.focus();
      });
    }

    form.addEventListener("change", (event) => {
      unsaved = true;
      if (event.target.name === "as") document.getElementById("whole").readOnly = !event.target.checked;
    });
    // typing into the whole value means to edit it
    form.addEventListener("click", (event) => {
      const box = form.querySelector("[name=as]");
      if (event.target.id !== "whole" || box.checked || box.disabled) return;
      box.click();
      event.target.focus();
    });
    // an answer that was asked for before something was typed must not put the older text over it
    let asked = new Map();
    document.body.addEventListener("htmx:beforeRequest", () => {
      asked = new Map([...form.querySelectorAll("textarea")].map((field) => [field.id, field.value]));
    });
    document.body.addEventListener("htmx:oobBeforeSwap", (event) => {
      const field = event.detail.target;
      if (field instanceof HTMLTextAreaElement && (field === document.activeElement || field.value !== asked.get(field.id))) {
        event.detail.shouldSwap = false;
      }
    });
    document.body.addEventListener("htmx:oobAfterSwap", () => {
      document.getElementById("whole").readOnly = !form.querySelector("[name=as]").checked;
      suggest();
    });
    document.body.addEventListener("htmx:sendError", () => {
      document.getElementById("summary").textContent = "The hub does not answer. Your picks are kept here; try again in a moment.";
    });

    // -- presence ---------------------------------------------------------------------------------------------------
    const presence = document.getElementById("presence");
    const moved = document.getElementById("moved");

    const tell = (extra) => {
      const body = new FormData();
      for (const name of ["csrfmiddlewaretoken", "conflict_version", "entry_version"]) body.set(name, form.elements[name].value);
      for (const [name, value] of Object.entries(extra)) body.set(name, value);
      return fetch(presence.dataset.ping, { method: "POST", body, keepalive: true, headers: { Accept: "text/html" } });
    };

    const ping = async () => {
      if (document.hidden || sending) return;
      const answer = await tell({ editing: unsaved ? "yes" : "no" }).catch(() => null);
      if (!answer?.ok || answer.redirected) return;
      const parts = new DOMParser().parseFromString(await answer.text(), "text/html");
      put(presence, parts.querySelector("[data-part=presence]"));
      if (!moved.querySelector("[data-moved]")) put(moved, parts.querySelector("[data-part=moved]"));
    };

    // only what changed is put in, so that nothing is read out twice
    const put = (place, part) => {
      if (part && place.innerHTML.trim() !== part.innerHTML.trim()) place.replaceChildren(...[...part.childNodes].map((node) => document.importNode(node, true)));
    };

    if (presence.dataset.ping) {
      ping();
      setInterval(ping, PING_MS);
      document.addEventListener("visibilitychange", ping);
      window.addEventListener("pagehide", () => tell({ leaving: "yes" }).catch(() => null));
    }

    // -- sending ----------------------------------------------------------------------------------------------------
    form.addEventListener("submit", (event) => {
      const news = moved.querySelector("[data-moved]");
      const anyway = event.submitter?.hasAttribute("data-anyway");
      if (!reason.value.trim()) {
        event.preventDefault();
        reason.focus();
        reason.setAttribute("aria-invalid", "true");
        document.getElementById("summary").textContent = "Say why: a reason is required.";
      } else if (news && !anyway) {
        event.preventDefault();
        document.getElementById("moved-says").textContent = news.dataset.moved;
        document.getElementById("moved-dialog").showModal();
      } else {
        sending = true;
        for (const button of document.querySelectorAll("[form=review][type=submit]")) setTimeout(() => (button.disabled = true), 0);
      }
    });
    window.addEventListener("pageshow", (event) => {
      if (!event.persisted) return;
      sending = false;
      for (const button of document.querySelectorAll("[form=review][type=submit]")) button.disabled = false;
    });

    startKeys();
    suggest();
  };

  document.addEventListener("DOMContentLoaded", () => {
    const bulk = document.getElementById("bulk");
    if (bulk?.querySelector("[data-choose-all]")) startChoosing(bulk);
    const review = document.getElementById("review");
    if (review && document.getElementById("resolve")) startReview(review);
  });
})();
