// Keeps a board as the hub sees it. The hub sends the board drawn anew; only the parts that differ are replaced,
// so that the reader's place, focus and voice stay. Without this script the page is as it was when opened.
"use strict";
(() => {
  const region = document.querySelector("[data-live]");
  const state = document.querySelector("[data-live-state]");
  if (!region || !state) return;
  // The hub speaks every fifteen seconds; of one that vanished no browser would know.
  const [silence, again] = [45000, 30000];
  let source = null;
  let heard = 0;
  let later = 0;
  let over = false;

  const tell = (live) => {
    state.hidden = false;
    state.querySelector(".live-on").hidden = !live;
    state.querySelector(".live-off").hidden = live;
    for (const one of document.querySelectorAll("[data-live-off]")) one.hidden = live;
  };

  const parts = (root) => [...root.querySelectorAll("[data-part]")];
  const names = (found) => found.map((one) => one.dataset.part).join(" ");

  const swap = (html) => {
    const fresh = document.createElement("template");
    fresh.innerHTML = html;
    const [here, there] = [parts(region), parts(fresh.content)];
    if (names(here) !== names(there)) {
      region.replaceChildren(fresh.content);
      return;
    }
    here.forEach((part, place) => {
      if (part.innerHTML === there[place].innerHTML) return;
      const focused = part.contains(document.activeElement);
      part.replaceChildren(...there[place].childNodes);
      part.classList.add("changed");
      if (focused) part.querySelector("a")?.focus({ preventScroll: true });
    });
  };

  const close = () => {
    clearTimeout(heard);
    source?.close();
    source = null;
  };

  const lost = () => {
    close();
    tell(false);
    later = setTimeout(open, again);
  };

  const hear = () => {
    clearTimeout(heard);
    heard = setTimeout(lost, silence);
  };

  const open = () => {
    clearTimeout(later);
    if (source || over || document.hidden) return;
    source = new EventSource(region.dataset.live);
    hear();
    source.addEventListener("still", hear);
    source.addEventListener("board", (event) => {
      hear();
      tell(true);
      swap(event.data);
    });
    source.addEventListener("end", () => {
      over = true;
      close();
      tell(false);
    });
    source.addEventListener("error", () => {
      // What the browser does not try again by itself.
      if (source?.readyState === EventSource.CLOSED) lost();
      else tell(false);
    });
  };

  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", open);
  open();
})();
