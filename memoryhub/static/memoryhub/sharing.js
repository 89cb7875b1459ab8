// The sharing matrix: cells changed by keyboard or pointer are collected, previewed and saved. No inline code.
"use strict";

(() => {
  const NOTHING = "–";
  const SHORT = { R: "reads", W: "changes", P: "is told", X: "keeps its own", [NOTHING]: "no access" };
  const WORDS = { R: "reads what others store", W: "may change it", P: "is told of it", X: "its own never leave it", [NOTHING]: "no access" };

  const element = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };
  const read = (id) => JSON.parse(document.getElementById(id)?.textContent ?? "null");
  const normal = (letters) => "RWPX".split("").filter((letter) => letters.includes(letter)).join("") || NOTHING;
  const inWords = (letters, words) => [...letters].map((letter) => words[letter]).join(", ");

  // W and P need R: changing what one may not read makes no sense
  const switched = (letters, letter) => {
    const held = new Set(letters.replace(NOTHING, ""));
    if (held.has(letter)) {
      held.delete(letter);
      if (letter === "R") ["W", "P"].forEach((other) => held.delete(other));
    } else {
      held.add(letter);
      if (letter === "W" || letter === "P") held.add("R");
    }
    return normal([...held].join(""));
  };

  const badges = (letters) => element("span", { className: "sharing-letters" }, ...[...letters].map((letter) => element("span", { className: `sharing-letter sharing-${letter}`, textContent: letter })));

  class Matrix {
    constructor(table) {
      this.table = table;
      this.cells = [...table.querySelectorAll("[data-cell]")];
      this.columns = table.tHead.rows[0].cells.length - 1;
      this.editable = "editable" in table.dataset;
      this.data = read("matrix-data");
      this.rules = this.data.rules;
      this.memory = `hubSharing:${this.data.tenant}`;
      this.pending = new Map();
      this.form = document.getElementById("pending-form");
      this.dialog = document.getElementById("cell-dialog");
      for (const cell of this.cells) this.draw(cell);
      table.addEventListener("keydown", (event) => this.press(event));
      table.addEventListener("focusin", (event) => this.arrive(event.target.closest("[data-cell]")));
      if (this.editable) this.startEditing();
    }

    startEditing() {
      this.form.elements.versions.value = document.getElementById("matrix-versions").textContent;
      this.table.addEventListener("click", (event) => this.open(event.target.closest("[data-cell]")));
      this.dialog.querySelector("form").addEventListener("submit", () => this.chosen());
      this.dialog.addEventListener("close", () => this.at?.focus());
      document.getElementById("clear").addEventListener("click", () => this.clear());
      document.getElementById("pending").addEventListener("click", (event) => this.undo(event.target.closest("[data-undo]")));
      this.form.addEventListener("submit", () => (this.leaving = true));
      document.body.addEventListener("htmx:afterSwap", (event) => event.target.id === "impact" && this.previewed());
      window.addEventListener("beforeunload", (event) => this.pending.size && !this.leaving && !sessionStorage.getItem(this.memory) && event.preventDefault());
      this.restore();
    }

    // -- what is pending: kept by the browser, so that looking at a rule loses nothing ------------------------
    restore() {
      const sent = this.data.pending;
      if (this.data.fresh) sessionStorage.removeItem(this.memory);
      const kept = sent.length ? sent : JSON.parse(sessionStorage.getItem(this.memory) ?? "[]");
      for (const { category, agent_id: agent, letters } of kept) {
        const cell = this.cells.find((one) => one.dataset.category === category && one.dataset.agent === agent);
        if (cell) this.put(cell, letters, { quiet: true });
      }
      this.show();
    }

    put(cell, letters, { quiet = false } = {}) {
      if ("fixed" in cell.dataset) return this.detail(cell);
      if (letters === cell.dataset.letters) this.pending.delete(cell);
      else this.pending.set(cell, letters);
      this.draw(cell);
      if (quiet) return;
      this.show();
      this.detail(cell);
    }

    undo(button) {
      if (!button) return;
      const cell = this.cells[Number(button.dataset.undo)];
      this.put(cell, cell.dataset.letters);
      (document.querySelector("[data-undo]") ?? document.getElementById("pending-title")).focus();
    }

    clear() {
      for (const cell of [...this.pending.keys()]) this.put(cell, cell.dataset.letters, { quiet: true });
      this.show();
      document.getElementById("pending-title").focus();
    }

    show() {
      const rows = [...this.pending].map(([cell, letters]) => ({ category: cell.dataset.category, agent_id: cell.dataset.agent, letters }));
      sessionStorage.setItem(this.memory, JSON.stringify(rows));
      this.form.elements.changes.value = JSON.stringify(rows);
      document.getElementById("pending-count").textContent = rows.length;
      document.getElementById("nothing-pending").hidden = rows.length > 0;
      for (const id of ["preview", "clear"]) document.getElementById(id).disabled = rows.length === 0;
      document.getElementById("pending").replaceChildren(...[...this.pending].map(([cell, letters]) => this.line(cell, letters)));
      this.forgetImpact();
    }

    // what was shown is the impact of other changes now; the reason stays
    forgetImpact() {
      const impact = document.getElementById("impact");
      const reason = impact.querySelector("[name=reason]")?.value ?? "";
      const kept = element("input", { type: "hidden", name: "reason", value: reason });
      impact.replaceChildren(...(reason ? [kept] : []));
    }

    line(cell, letters) {
      const place = `${cell.dataset.category} · ${cell.dataset.agent}`;
      const undo = element("button", { type: "button", className: "hub-button hub-small", textContent: "Undo" });
      undo.dataset.undo = this.cells.indexOf(cell);
      undo.setAttribute("aria-label", `Undo ${place}`);
      const says = element("span", {}, element("strong", { textContent: place }), element("span", { className: "hub-below", textContent: `${cell.dataset.letters} → ${letters}` }));
      return element("li", {}, says, undo);
    }

    previewed() {
      const target = document.querySelector("#impact [role=alert], #impact textarea");
      if (target?.matches("textarea")) target.focus();
    }

    // -- one cell ----------------------------------------------------------------------------------------------
    letters(cell) {
      return this.pending.get(cell) ?? cell.dataset.letters;
    }

    draw(cell) {
      const letters = this.letters(cell);
      const changed = this.pending.has(cell);
      cell.toggleAttribute("data-pending", changed);
      const shown = cell.querySelector(".sharing-letters");
      const before = changed ? [element("del", { textContent: cell.dataset.letters }), element("span", { className: "sharing-arrow", textContent: "→" })] : [];
      shown.replaceChildren(...before, ...badges(letters).children);
      cell.querySelector(".sharing-words").textContent = inWords(letters, SHORT);
      cell.querySelector("[data-was]").textContent = changed ? `, pending; now: ${inWords(cell.dataset.letters, SHORT)}` : "";
    }

    detail(cell) {
      const { category, agent, memories, own, rules } = cell.dataset;
      const letters = this.letters(cell);
      const known = rules.split(" ").filter((id) => this.rules[id]);
      const lines = known.map((id) => element("li", {}, `${this.rules[id].text} `, element("a", { className: "hub-link", href: this.rules[id].url, textContent: "Open" })));
      const parts = [
        element("p", {}, element("strong", { textContent: category }), ` · ${agent}`),
        element("p", {}, badges(letters), ` ${inWords(letters, WORDS)}`),
        element("p", { className: "hub-subtle", textContent: `${memories} of others' memories granted now, ${own} of its own.` }),
      ];
      if (this.pending.has(cell)) parts.push(element("p", {}, `Pending: now it reads ${cell.dataset.letters}.`));
      if ("fixed" in cell.dataset) parts.push(element("p", { textContent: "Restricted for all agents: change that rule first." }));
      parts.push(lines.length ? element("ul", {}, ...lines) : element("p", { className: "hub-subtle", textContent: "No rule speaks of it." }));
      document.getElementById("cell-detail").replaceChildren(...parts);
    }

    arrive(cell) {
      if (!cell) return;
      if (this.at) {
        this.at.tabIndex = -1;
        delete this.at.dataset.at;
      } else for (const other of this.cells) other.tabIndex = -1;
      this.at = cell;
      cell.tabIndex = 0;
      cell.dataset.at = "";
      this.detail(cell);
    }

    // -- keys ----------------------------------------------------------------------------------------------------
    press(event) {
      const cell = event.target.closest("[data-cell]");
      if (!cell || event.altKey || event.metaKey) return;
      const place = this.cells.indexOf(cell);
      const column = place % this.columns;
      const moves = {
        ArrowRight: column < this.columns - 1 ? 1 : 0,
        ArrowLeft: column > 0 ? -1 : 0,
        ArrowDown: this.columns,
        ArrowUp: -this.columns,
        Home: event.ctrlKey ? -place : -column,
        End: event.ctrlKey ? this.cells.length - 1 - place : this.columns - 1 - column,
      };
      if (event.key in moves) this.cells[place + moves[event.key]]?.focus();
      else if (event.ctrlKey || !this.editable || localStorage.getItem("hubKeys") === "off") return;
      else if ("rwpx".includes(event.key.toLowerCase()) && event.key.length === 1) this.put(cell, switched(this.letters(cell), event.key.toUpperCase()));
      else if (["-", "Delete", "Backspace"].includes(event.key)) this.put(cell, NOTHING);
      else return;
      event.preventDefault();
      event.stopPropagation();
    }

    // -- the dialog of a cell --------------------------------------------------------------------------------------
    open(cell) {
      if (!cell) return;
      this.arrive(cell);
      const letters = this.letters(cell);
      const fixed = "fixed" in cell.dataset;
      const fields = this.dialog.querySelector("form").elements;
      this.dialog.querySelector("[data-place]").textContent = `${cell.dataset.category} · ${cell.dataset.agent}`;
      this.dialog.querySelector("[data-fixed-note]").hidden = !fixed;
      const access = normal(letters.replace("X", ""));
      for (const radio of fields.access) {
        radio.checked = radio.value === access;
        radio.disabled = fixed;
      }
      fields.own.checked = letters.includes("X");
      fields.own.disabled = fixed;
      this.dialog.querySelector("[data-set]").disabled = fixed;
      this.dialog.showModal();
      this.dialog.querySelector("input:checked:not(:disabled), [data-close]").focus();
    }

    chosen() {
      const fields = this.dialog.querySelector("form").elements;
      this.put(this.at, normal(fields.access.value + (fields.own.checked ? "X" : "")));
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    const table = document.querySelector(".sharing-table");
    if (table) new Matrix(table);
  });
})();
