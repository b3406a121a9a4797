// SPDX-License-Identifier: GPL-2.0-only
// Draws the page's charts with Vega, its expressions interpreted (nothing is made from text), and ties controls to them.
// A control of the same name in several charts is one: it changes all of them. Text from data only ever becomes text nodes.
(function () {
  "use strict";
  const told = JSON.parse(document.getElementById("data").textContent);
  const views = new Map();
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  document.body.appendChild(tip);

  function rowsOf(table) {
    const names = Object.keys(table.columns);
    const columns = names.map(function (name) {
      const column = table.columns[name];
      return column.words ? column.codes.map((code) => (code < 0 ? null : column.words[code])) : column.values;
    });
    return Array.from({ length: table.rows }, (_, at) => Object.fromEntries(names.map((name, which) => [name, columns[which][at]])));
  }

  function showTip(_handler, event, _item, value) {
    tip.replaceChildren();
    if (value === null || value === undefined || value === "") {
      tip.hidden = true;
      return;
    }
    const lines = typeof value === "object" ? Object.entries(value) : [["", value]];
    for (const [name, text] of lines) {
      const line = document.createElement("div");
      line.textContent = name ? name + ": " + text : String(text);
      tip.appendChild(line);
    }
    tip.hidden = false;
    const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
    tip.style.left = Math.max(0, Math.min(event.pageX + 14, window.scrollX + room)) + "px";
    tip.style.top = event.pageY + 14 + "px";
  }

  function fillTable(figure, rows) {
    const place = figure.querySelector("details.rows > div");
    if (place.firstChild) return;
    const table = document.createElement("table");
    const names = Object.keys(rows[0] || {});
    const head = table.createTHead().insertRow();
    for (const name of names) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = name;
      head.appendChild(cell);
    }
    const body = table.createTBody();
    for (const row of rows.slice(0, told.most_rows)) {
      const line = body.insertRow();
      for (const name of names) line.insertCell().textContent = row[name] === null ? "" : String(row[name]);
    }
    place.appendChild(table);
    if (rows.length > told.most_rows) {
      const rest = document.createElement("p");
      rest.textContent = told.most_rows + " of " + rows.length + " rows.";
      place.appendChild(rest);
    }
  }

  function setParam(name, value) {
    for (const drawn of views.values()) {
      if (drawn.params.has(name)) drawn.view.signal(name, value).runAsync();
    }
    for (const control of document.querySelectorAll("[data-param]")) {
      if (control.dataset.param !== name) continue;
      if (control.type === "checkbox") control.checked = value;
      else if (Array.from(control.options).some((option) => option.value === value)) control.value = value;
    }
  }

  function zoom(drawn, factor) {
    for (const axis of ["x", "y"]) {
      const field = drawn.zooms[axis];
      if (!field) continue;
      if (!factor) {
        drawn.view.signal(field, null);
        continue;
      }
      const scale = drawn.view.scale(axis);
      const ends = scale.range();
      const middle = (ends[0] + ends[1]) / 2;
      const half = ((ends[1] - ends[0]) / 2) * factor;
      drawn.view.signal(field, [scale.invert(middle - half), scale.invert(middle + half)]);
    }
    drawn.view.runAsync();
  }

  async function draw(figure) {
    const name = figure.dataset.chart;
    const chart = told.charts[name];
    const rows = rowsOf(chart.table);
    const spec = Object.assign({}, chart.spec, { datasets: Object.assign({ [name]: rows }, chart.spec.datasets) });
    const result = await vegaEmbed(figure.querySelector(".drawing"), spec, {
      mode: "vega-lite", renderer: "svg", ast: true, actions: false, defaultStyle: false, hover: true, tooltip: showTip, config: told.config,
      logLevel: 1, // errors; that a control leaves nothing of a layer is none
    });
    const svg = figure.querySelector(".drawing svg");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", chart.title + ". The figures are in the table beneath.");
    views.set(name, { view: result.view, params: new Set(chart.params), zooms: chart.zooms });
    figure.querySelector("details.rows").addEventListener("toggle", () => fillTable(figure, rows));
    for (const control of figure.querySelectorAll("[data-param]")) {
      control.addEventListener("change", () =>
        setParam(control.dataset.param, control.type === "checkbox" ? control.checked : control.value));
    }
    for (const button of figure.querySelectorAll("[data-zoom]")) {
      button.addEventListener("click", () => zoom(views.get(name), Number(button.dataset.zoom)));
    }
  }

  async function start() {
    for (const figure of document.querySelectorAll("figure[data-chart]")) {
      try {
        await draw(figure);
      } catch (error) {
        figure.querySelector(".drawing").textContent = "This chart could not be drawn: " + error.message;
        console.error(error);
      }
    }
    document.documentElement.dataset.drawn = String(views.size);
  }
  start();
})();
