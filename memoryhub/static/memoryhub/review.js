// The conflict pages: choosing rows for a bulk decision. No dependency beyond hub.js, no inline code.
"use strict";

(() => {
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
    show();
  };

  document.addEventListener("DOMContentLoaded", () => {
    const form = document.getElementById("bulk");
    if (form?.querySelector("[data-choose-all]")) startChoosing(form);
  });
})();
