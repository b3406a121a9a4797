// SPDX-License-Identifier: GPL-2.0-only
// Draws the charts of a page whose data it holds (charts.js) as they come into view, and shows one told operation at a time.
(function () {
  "use strict";
  const told = JSON.parse(document.getElementById("data").textContent);
  const charts = window.slabdesCharts(told);

  function stepThrough(section) {
    const controls = section.querySelector(".controls");
    const operations = [...section.querySelectorAll("article")];
    const buttons = [...section.querySelectorAll("[data-step]")];
    let place = 0;
    function move(by) {
      place = Math.min(Math.max(place + by, 0), operations.length - 1);
      operations.forEach((one, number) => { one.hidden = number !== place; });
      // A button that is disabled loses the focus.
      for (const button of buttons) {
        const to = place + Number(button.dataset.step);
        button.setAttribute("aria-disabled", String(to < 0 || to >= operations.length));
      }
      section.querySelector("[role=status]").textContent = `operation ${place + 1} of ${operations.length}`;
    }
    for (const button of buttons) button.addEventListener("click", () => move(Number(button.dataset.step)));
    section.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.target.closest("pre")) return;
      event.preventDefault();
      move(by);
    });
    controls.hidden = false;
    move(0);
  }

  // A chart is drawn once it is nearly in view, all that are left when the page is printed: until then its place is kept.
  const left = new Set(document.querySelectorAll("figure[data-chart]"));

  async function draw(figure) {
    if (!left.delete(figure)) return;
    near.unobserve(figure);
    try {
      await charts.draw(figure, told.charts[figure.dataset.chart]);
    } catch (error) {
      charts.failed(figure, error);
    }
    document.documentElement.dataset.drawn = String(charts.views.size);
  }

  const near = new IntersectionObserver(
    (seen) => seen.filter((one) => one.isIntersecting).forEach((one) => draw(one.target)), { rootMargin: "400px 0px" });

  const steps = document.getElementById("steps");
  if (steps && steps.querySelector("article")) stepThrough(steps);
  for (const figure of left) {
    charts.keepPlace(figure, told.charts[figure.dataset.chart]);
    near.observe(figure);
  }
  window.addEventListener("beforeprint", () => left.forEach(draw));
})();
