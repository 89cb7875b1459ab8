// Tells a page at once that something changed: an event `hub:change` on the document, with detail.kind (such as
// `conflict`, `feed` or `run`) and detail.count; and `hub:live` with detail.connected when the connection comes or goes.
// A page that wants it has elements with data-live or data-news that name kinds; what has data-news="conflict" is shown
// when conflicts change. Where nothing is heard a page's polling stays.
"use strict";

(() => {
  const from = new URL(document.currentScript.src).searchParams.get("from");
  if (!from || !window.EventSource) return;
  let source = null;

  const words = (text) => (text ?? "").split(/\s+/).filter(Boolean);
  const kinds = () =>
    new Set([...document.querySelectorAll("[data-live], [data-news]")].flatMap((one) => [...words(one.dataset.live), ...words(one.dataset.news)]));

  const tell = (event) => {
    const { count } = JSON.parse(event.data);
    for (const note of document.querySelectorAll(`[data-news~="${CSS.escape(event.type)}"]`)) note.hidden = false;
    document.dispatchEvent(new CustomEvent("hub:change", { detail: { kind: event.type, count } }));
  };
  const connection = (connected) => document.dispatchEvent(new CustomEvent("hub:live", { detail: { connected } }));

  const listen = () => {
    if (source || document.hidden || !document.querySelector("[data-live]")) return;
    source = new EventSource(`${from}/admin/stream`, { withCredentials: true });
    source.addEventListener("open", () => connection(true));
    source.addEventListener("error", () => connection(false));
    for (const kind of kinds()) source.addEventListener(kind, tell);
  };
  const rest = () => {
    if (source) connection(false);
    source?.close();
    source = null;
  };

  document.addEventListener("DOMContentLoaded", listen);
  document.addEventListener("visibilitychange", () => (document.hidden ? rest() : listen()));
  window.addEventListener("pagehide", rest);
})();
