// Tells a page at once that something changed: an event `hub:change` on the document, with detail.kind `conflict` or
// `feed` and detail.count. A page that wants it has an element with data-live, and asks for what it shows by itself, or
// has an element with data-news="conflict" that is shown then. Where nothing is heard a page's polling stays.
"use strict";

(() => {
  const from = new URL(document.currentScript.src).searchParams.get("from");
  if (!from || !window.EventSource) return;
  let source = null;

  const tell = (event) => {
    const { count } = JSON.parse(event.data);
    for (const note of document.querySelectorAll(`[data-news~="${event.type}"]`)) note.hidden = false;
    document.dispatchEvent(new CustomEvent("hub:change", { detail: { kind: event.type, count } }));
  };

  const listen = () => {
    if (source || document.hidden || !document.querySelector("[data-live]")) return;
    source = new EventSource(`${from}/admin/stream`, { withCredentials: true });
    source.addEventListener("conflict", tell);
    source.addEventListener("feed", tell);
  };
  const rest = () => {
    source?.close();
    source = null;
  };

  document.addEventListener("DOMContentLoaded", listen);
  document.addEventListener("visibilitychange", () => (document.hidden ? rest() : listen()));
  window.addEventListener("pagehide", rest);
})();
