// A slider over the days of the date field before it: shows the date while it moves, and asks for that day when
// it stops. Without this script the field, its button and the arrows do the same.
"use strict";
(() => {
  const bar = document.querySelector("[data-slides]");
  const field = bar && document.getElementById(bar.dataset.slides);
  if (!field) return;
  const slider = bar.querySelector("input");
  const shown = bar.querySelector(".day-shown");
  const day = 86400000;
  const first = Date.parse(field.min);
  const format = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "full", timeZone: "UTC" });

  const follow = () => {
    const at = new Date(first + Number(slider.value) * day);
    field.value = at.toISOString().slice(0, 10);
    shown.textContent = format.format(at);
    slider.setAttribute("aria-valuetext", shown.textContent);
  };

  const days = Math.round((Date.parse(field.max) - first) / day);
  if (days < 1) return;
  slider.max = days;
  slider.value = Math.round((Date.parse(field.value) - first) / day);
  follow();
  bar.hidden = false;
  // Whoever came here by the slider goes on with it.
  if (location.hash === `#${slider.id}`) slider.focus();
  let waits = 0;
  slider.addEventListener("input", follow);
  // Not at once: a key held down, or pressed again and again, passes many days.
  slider.addEventListener("change", () => {
    clearTimeout(waits);
    waits = setTimeout(() => {
      field.form.action = `#${slider.id}`;
      field.form.requestSubmit();
    }, 600);
  });
})();
