// SPDX-License-Identifier: GPL-2.0-only
// Draws every chart of a page whose data it holds (charts.js).
(function () {
  "use strict";
  const told = JSON.parse(document.getElementById("data").textContent);
  const charts = window.slabdesCharts(told);

  async function start() {
    for (const figure of document.querySelectorAll("figure[data-chart]")) {
      try {
        await charts.draw(figure, told.charts[figure.dataset.chart]);
      } catch (error) {
        charts.failed(figure, error);
      }
    }
    document.documentElement.dataset.drawn = String(charts.views.size);
  }
  start();
})();
