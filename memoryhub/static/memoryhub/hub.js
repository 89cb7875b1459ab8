// The hub's own pages: dialogs, keys, and sessions that grow while they are read. No dependency, no inline code.
"use strict";

(() => {
  const typing = (target) =>
    target.closest("input:not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable]");

  // -- dialogs: native ones, so that the browser keeps the focus inside and gives it back ---------------------
  const openDialog = (opener) => {
    const dialog = document.getElementById(opener.dataset.dialog);
    if (!dialog) return;
    for (const [name, value] of Object.entries(opener.dataset)) {
      if (!name.startsWith("fill")) continue;
      const field = name.slice(4).toLowerCase();
      for (const input of dialog.querySelectorAll(`[name="${field}"]`)) input.value = value;
      for (const text of dialog.querySelectorAll(`[data-shows="${field}"]`)) text.textContent = value;
    }
    dialog.showModal();
  };

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) return openDialog(opener);
    if (event.target.closest("[data-close]")) return event.target.closest("dialog").close();
    // a click beside the dialog closes it
    if (event.target instanceof HTMLDialogElement && event.target.classList.contains("hub-dialog")) {
      const box = event.target.getBoundingClientRect();
      const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
      if (!inside) event.target.close();
    }
  });

  // a second click while the first is on its way does nothing
  document.addEventListener("submit", (event) => {
    if (event.target.closest(".hub-dialog, .hub-form")) {
      for (const button of event.target.querySelectorAll("[type=submit]")) setTimeout(() => (button.disabled = true), 0);
    }
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) for (const button of document.querySelectorAll(".hub-dialog [type=submit], .hub-form [type=submit]")) button.disabled = false;
  });

  // -- keys ------------------------------------------------------------------------------------------------------
  const rows = () => [...document.querySelectorAll("[data-row], #result_list tr.data-row")].filter((row) => row.checkVisibility());
  let at = -1;

  const go = (step) => {
    const all = rows();
    if (all.length) goTo(all[Math.min(all.length - 1, Math.max(0, at + step))]);
  };

  // a row that says "self" is looked at as a whole; the others are there for their link
  const goTo = (row) => {
    document.querySelector(".hub-at")?.classList.remove("hub-at");
    at = rows().indexOf(row);
    row.classList.add("hub-at");
    const target = (row.dataset.row !== "self" && row.querySelector("th a, a, button")) || row;
    if (target === row) row.tabIndex = -1;
    target.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  };

  // keys of single pages, with their lines in the help
  const pageKeys = new Map();
  window.hubKeys = {
    add: (key, does, run) => pageKeys.set(key, { does, run }),
    describe: (key, does) => pageKeys.set(key, { does }),
    goTo,
  };

  const keysOff = () => localStorage.getItem("hubKeys") === "off";

  const press = (key) => {
    const target = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (target?.checkVisibility()) target.click();
    return Boolean(target);
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
    if (event.key === "?") help();
    else if (keysOff()) return;
    else if (event.key === "j") go(1);
    else if (event.key === "k") go(-1);
    else if (pageKeys.get(event.key)?.run) pageKeys.get(event.key).run();
    else if (!/^[a-z]$/.test(event.key) || !press(event.key)) return;
    event.preventDefault();
  });

  const HELP = [
    ["j / k", "next / previous row"],
    ["Enter", "open the row"],
    ["/", "search in a list"],
    ["t", "find a page"],
    ["e", "edit the value of an entry"],
    ["c", "compare the chosen versions"],
    ["n", "show new events of a session"],
    ["Ctrl E", "light or dark"],
    ["?", "this help"],
  ];

  const element = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };

  // a key of another page helps nobody here
  const helps = (key) => !pageKeys.has(key) && (!OF_PAGES.has(key) || document.querySelector(`[data-key="${key}"]`));
  const OF_PAGES = new Set(["e", "c", "n"]);

  function help() {
    document.getElementById("hub-help")?.remove();
    const list = element("dl", { className: "hub-keys" });
    const here = [...pageKeys].map(([key, { does }]) => [key, does]);
    for (const [key, does] of [...here, ...HELP.filter(([key]) => helps(key))]) list.append(element("dt", {}, element("kbd", { textContent: key })), element("dd", { textContent: does }));
    const toggle = element("button", { type: "button", className: "hub-button", textContent: keysOff() ? "Turn keys on" : "Turn keys off" });
    toggle.addEventListener("click", () => {
      localStorage.setItem("hubKeys", keysOff() ? "on" : "off");
      dialog.close();
    });
    const close = element("button", { type: "button", className: "hub-button hub-primary", textContent: "Close" });
    close.dataset.close = "";
    const title = element("h2", { id: "hub-help-title", textContent: "Keys" });
    const dialog = element("dialog", { id: "hub-help", className: "hub-dialog" }, title, list, element("div", { className: "hub-dialog-buttons" }, toggle, close));
    dialog.setAttribute("aria-labelledby", "hub-help-title");
    document.body.append(dialog);
    dialog.showModal();
  }

  // -- the theme's controls that are spans: reachable by keyboard, and said to be buttons ----------------------------
  const CLICKABLE = "span[x-on\\:click], a[x-on\\:click]:not([href]), div.cursor-pointer[x-on\\:click]";
  const ICONS = { close: "Close", dock_to_right: "Show or hide the sidebar", unfold_more: "More" };

  const makeReachable = (control) => {
    control.tabIndex = 0;
    control.setAttribute("role", "button");
    const icon = ICONS[control.textContent.trim()];
    if (icon) control.setAttribute("aria-label", icon);
    control.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      control.click();
    });
  };

  // -- the timeline of a session -------------------------------------------------------------------------------------
  const POLL_MS = 10_000;

  const startTimeline = (stream) => {
    const button = document.getElementById("newer");
    const shown = () => new Set([...document.querySelectorAll("[data-kind-filter]:checked")].map((box) => box.value));
    let waiting = [];

    const filter = () => {
      const kinds = shown();
      for (const event of stream.children) event.hidden = !kinds.has(event.dataset.kind);
    };
    for (const box of document.querySelectorAll("[data-kind-filter]")) box.addEventListener("change", filter);

    const announce = () => {
      button.hidden = waiting.length === 0;
      button.textContent = `${waiting.length} new ↓`;
    };

    const append = () => {
      const first = waiting[0];
      stream.append(...waiting);
      document.getElementById("stream-empty")?.remove();
      waiting = [];
      announce();
      filter();
      first?.scrollIntoView({ block: "nearest" });
    };

    const look = async () => {
      if (document.hidden || !stream.dataset.newer) return;
      const answer = await fetch(`${stream.dataset.newer}?after=${stream.dataset.last}&since=${encodeURIComponent(stream.dataset.since)}`, {
        headers: { Accept: "text/html" },
      }).catch(() => null);
      if (!answer?.ok || answer.redirected) return;
      const found = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("ol");
      if (!found) return;
      const known = new Set([...stream.children, ...waiting].map((event) => event.id));
      waiting.push(...[...found.children].filter((event) => !known.has(event.id)).map((event) => document.importNode(event, true)));
      stream.dataset.last = found.dataset.last;
      stream.dataset.since = found.dataset.since;
      announce();
    };

    button.addEventListener("click", append);
    document.getElementById("load-newer")?.addEventListener("click", async () => {
      await look();
      append();
    });
    setInterval(look, POLL_MS);
    document.addEventListener("visibilitychange", look);
  };

  document.addEventListener("DOMContentLoaded", () => {
    const stream = document.querySelector("[data-newer]");
    if (stream) startTimeline(stream);
    document.querySelector("#comparison")?.focus({ preventScroll: true });
    // the browser gives up its own autofocus when the page is not laid out in time
    document.querySelector("[autofocus]")?.focus();
    for (const control of document.querySelectorAll(CLICKABLE)) makeReachable(control);
    document.querySelector("[data-filters]")?.addEventListener("click", () => {
      // after the theme has shown the panel
      setTimeout(() => document.querySelector("#changelist-filter :is(input:not([type=hidden]), select, button)")?.focus(), 50);
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && event.target.closest("#changelist-filter")) document.querySelector("[data-filters]").focus();
    });
  });
})();
