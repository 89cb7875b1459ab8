// Pages of runs and approvals: parts that follow what happens without taking the reader anywhere, and deciding by keys.
// Builds on hub.js and live.js; no inline code.
"use strict";

(() => {
  const POLL_MS = 10_000;
  // with a stream: what time alone changes, such as a lease that ends
  const SLOW_MS = 60_000;
  // many changes in a row are shown together
  const GATHER_MS = 400;

  // -- putting new parts in: only what differs, and never under the reader's focus or pointer -------------------------
  const same = (one, other) => one.outerHTML.trim() === other.outerHTML.trim();
  const FOCUSABLE = "a[href], button, input, select, summary, [tabindex]";

  const replace = (old, made) => {
    const open = [...old.querySelectorAll("details")].map((one) => one.open);
    const at = [...old.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
    const marked = old.classList.contains("hub-at");
    old.replaceWith(made);
    [...made.querySelectorAll("details")].forEach((one, place) => (one.open = Boolean(open[place])));
    if (marked) made.classList.add("hub-at");
    if (at >= 0) made.querySelectorAll(FOCUSABLE)[at]?.focus({ preventScroll: true });
  };

  // what was opened by the reader is no difference
  const closed = (element) => {
    const copy = element.cloneNode(true);
    for (const one of copy.querySelectorAll("details[open]")) one.removeAttribute("open");
    copy.classList.remove("hub-at");
    if (!copy.getAttribute("class")) copy.removeAttribute("class");
    if (element.dataset.row !== undefined) copy.removeAttribute("tabindex");
    return copy;
  };

  const keyed = (part, found) => {
    const wanted = [...found.children];
    const known = new Map([...part.children].map((one) => [one.id, one]));
    const strangers = wanted.some((one) => !known.has(one.id)) || wanted.length !== known.size;
    if (part.dataset.held !== undefined && strangers) {
      for (const note of document.querySelectorAll("[data-others]")) note.hidden = false;
    }
    let before = null;
    for (const one of wanted) {
      let old = known.get(one.id);
      if (!old && part.dataset.held !== undefined) continue;
      const made = document.importNode(one, true);
      if (!old) {
        if (before) before.after(made);
        else part.prepend(made);
        old = made;
      } else if (!same(closed(old), one)) {
        replace(old, made);
        old = made;
      }
      before = old;
    }
    if (part.dataset.held !== undefined) return;
    const kept = new Set(wanted.map((one) => one.id));
    for (const [id, one] of known) if (!kept.has(id)) one.remove();
  };

  // gives whether all of it is in: a part with an open dialog is left alone
  const put = (found) => {
    let whole = true;
    for (const made of found.querySelectorAll("[data-part]")) {
      const old = document.getElementById(made.id);
      if (!old) continue;
      if (old.querySelector("dialog[open]")) whole = false;
      else if (old.dataset.keyed !== undefined) keyed(old, made);
      else if (!same(closed(old), made)) replace(old, document.importNode(made, true));
    }
    return whole;
  };

  // -- when to look --------------------------------------------------------------------------------------------------
  const startFollowing = (root) => {
    const says = root.querySelector("[data-live-says]");
    const button = root.querySelector("[data-pause]");
    const dot = root.querySelector(".run-dot");
    const asks = root.dataset.asks !== undefined;
    let connected = false;
    let paused = false;
    let missed = false;
    let looking = false;
    let soon = null;
    let last = Date.now();

    const tell = () => {
      if (!says) return;
      dot?.classList.toggle("run-dot-on", !paused);
      if (paused) says.textContent = missed ? "Paused. Something has changed since." : "Paused.";
      else says.textContent = connected ? "Live: changes show at once." : "Looked at again every 10 seconds.";
    };

    const look = async (whole = false) => {
      if (looking || document.hidden) return;
      looking = true;
      last = Date.now();
      const url = new URL(root.dataset.parts, location.href);
      if (root.dataset.version && !whole) url.searchParams.set("version", root.dataset.version);
      const answer = await fetch(url, { headers: { Accept: "text/html" } }).catch(() => null);
      looking = false;
      if (!answer?.ok || answer.redirected || answer.status === 204) return;
      const found = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (asks) return moved(found);
      if (paused) return;
      take(found);
    };

    const take = (found) => {
      const version = found.querySelector("[data-part][data-version]")?.dataset.version;
      if (put(found) && version) root.dataset.version = version;
      if (found.querySelector("[data-over]")) stop();
      document.dispatchEvent(new CustomEvent("hub:parts"));
    };

    // a page on which somebody decides says that there is something new, and shows it when asked
    const moved = (found) => {
      const place = document.getElementById("moved");
      const news = found.querySelector("[data-moved]");
      if (!place || !news || place.textContent.trim() === news.textContent.trim()) return;
      place.replaceChildren(document.importNode(news, true));
      place.querySelector("[data-again]")?.addEventListener("click", () => {
        place.replaceChildren();
        take(found);
        for (const field of found.querySelectorAll("[data-seen]")) {
          const old = document.querySelector(`[data-seen][name="${CSS.escape(field.name)}"]`);
          if (old) old.value = field.value;
        }
        document.querySelector("[data-title]")?.focus();
      });
    };

    const tick = () => {
      const wait = connected ? SLOW_MS : POLL_MS;
      if (paused || Date.now() - last < wait) return;
      look(connected);
    };
    const change = (event) => {
      if (!(root.dataset.live ?? "").split(/\s+/).includes(event.detail.kind)) return;
      if (paused) {
        missed = true;
        return tell();
      }
      clearTimeout(soon);
      soon = setTimeout(() => look(), GATHER_MS);
    };
    const state = (event) => {
      connected = event.detail.connected;
      tell();
    };
    const seen = () => {
      if (!document.hidden && !paused) look();
    };

    const timer = setInterval(tick, 1000);
    document.addEventListener("hub:change", change);
    document.addEventListener("hub:live", state);
    document.addEventListener("visibilitychange", seen);
    const stop = () => {
      clearInterval(timer);
      document.removeEventListener("hub:change", change);
      document.removeEventListener("hub:live", state);
      document.removeEventListener("visibilitychange", seen);
      root.querySelector(".run-live-line")?.remove();
    };

    button?.addEventListener("click", () => {
      paused = !paused;
      missed = false;
      button.setAttribute("aria-pressed", String(paused));
      button.querySelector(".material-symbols-outlined").textContent = paused ? "play_arrow" : "pause";
      button.lastElementChild.textContent = paused ? "Resume updates" : "Pause updates";
      tell();
      if (!paused) look();
    });
    tell();
  };

  // -- deciding an approval -----------------------------------------------------------------------------------------
  const startDeciding = (form) => {
    const reason = document.getElementById("reason");
    const problem = document.getElementById("foot-says");
    const buttons = [...document.querySelectorAll("[form=decide][type=submit]")];

    const send = (button) => form.requestSubmit(button);
    for (const button of buttons) {
      if (button.dataset.press) window.hubKeys.add(button.dataset.press, button.dataset.does, () => send(button));
    }
    for (const quick of document.querySelectorAll("[data-reason]")) {
      const fill = () => {
        reason.value = quick.dataset.reason;
        reason.removeAttribute("aria-invalid");
        problem.textContent = "";
      };
      quick.addEventListener("click", fill);
      if (quick.dataset.press) window.hubKeys.add(quick.dataset.press, `reason: ${quick.dataset.reason}`, fill);
    }
    window.hubKeys.describe("n", "go on to the next one, without deciding");
    window.hubKeys.describe("Ctrl Enter", buttons.find((one) => one.dataset.primary !== undefined)?.dataset.does ?? "decide");

    document.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      send(buttons.find((one) => one.dataset.primary !== undefined) ?? buttons[0]);
    });

    form.addEventListener("submit", (event) => {
      if (!reason.value.trim() && event.submitter?.dataset.bare === undefined) {
        event.preventDefault();
        reason.focus();
        reason.setAttribute("aria-invalid", "true");
        problem.textContent = "Say why: a reason is required. It stays with the run.";
        return;
      }
      for (const button of buttons) setTimeout(() => (button.disabled = true), 0);
    });
    window.addEventListener("pageshow", (event) => {
      if (event.persisted) for (const button of buttons) button.disabled = false;
    });
    const presence = document.getElementById("presence");
    if (presence?.dataset.ping) startPresence(form, reason, presence);
  };

  // -- who else is here -----------------------------------------------------------------------------------------------
  const startPresence = (form, reason, presence) => {
    const tell = (extra) => {
      const body = new FormData();
      body.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
      for (const [name, value] of Object.entries(extra)) body.set(name, value);
      return fetch(presence.dataset.ping, { method: "POST", body, keepalive: true, headers: { Accept: "text/html" } });
    };
    const ping = async () => {
      if (document.hidden) return;
      const answer = await tell({ editing: reason.value.trim() ? "yes" : "no" }).catch(() => null);
      if (!answer?.ok || answer.redirected) return;
      const found = new DOMParser().parseFromString(await answer.text(), "text/html").body;
      // only what changed is put in, so that nothing is read out twice
      if (found.textContent.trim() !== presence.textContent.trim()) {
        presence.replaceChildren(...[...found.childNodes].map((node) => document.importNode(node, true)));
      }
    };
    ping();
    setInterval(ping, POLL_MS);
    document.addEventListener("visibilitychange", ping);
    window.addEventListener("pagehide", () => tell({ leaving: "yes" }).catch(() => null));
  };

  document.addEventListener("DOMContentLoaded", () => {
    const root = document.querySelector("[data-parts]");
    if (root) startFollowing(root);
    const form = document.getElementById("decide");
    if (form && document.getElementById("reason")) startDeciding(form);
  });
})();
