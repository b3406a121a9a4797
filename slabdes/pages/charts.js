// SPDX-License-Identifier: GPL-2.0-only
// Draws charts with Vega, its expressions interpreted (nothing is made from text), and ties controls to them.
// A control of the same name in several charts is one: it changes all of them. Text from data only ever becomes text nodes.
// `slabdesCharts(told)`: `told` has Vega's `config` and `most_rows` of a table; it gives `draw(figure, chart)`,
// `keepPlace(figure, chart)` and the `views`.
window.slabdesCharts = function (told) {
  "use strict";
  const views = new Map();
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  document.body.appendChild(tip);

  function rowsOf(table) {
    const names = Object.keys(table.columns);
    const columns = names.map(function (name) {
      const column = table.columns[name];
      const values = column.values || [];
      for (let at = 0; column.runs && at < column.runs.length; at += 2) {
        for (let left = column.runs[at + 1]; left > 0; left--) values.push(column.runs[at]);
      }
      return column.words ? values.map((code) => (code < 0 ? null : column.words[code])) : values;
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
    place.replaceChildren();
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

  // A chart that has nothing of a value, such as a setting that it leaves out, stays as it is.
  function setParam(name, value) {
    for (const control of document.querySelectorAll("[data-param]")) {
      if (control.dataset.param !== name) continue;
      if (control.type === "checkbox") control.checked = value;
      else if (Array.from(control.options).some((option) => option.value === value)) control.value = value;
      else continue;
      const figure = control.closest("figure");
      const drawn = figure && views.get(figure.dataset.chart);
      if (drawn) drawn.view.signal(name, value).runAsync();
      if (drawn) offer(figure, drawn, control);
    }
    showTables();
  }

  // Offers what there are rows of, given the other controls; what is chosen and is not there any more becomes the first that is.
  function offer(figure, drawn, moved) {
    const controls = [...figure.querySelectorAll("select[data-column]")];
    for (const control of controls) {
      const others = controls.filter((other) => other !== control && other.value !== told.every);
      const left = drawn.rows.filter((row) => others.every((other) => String(row[other.dataset.column]) === other.value));
      const there = new Set(left.map((row) => String(row[control.dataset.column])));
      for (const option of control.options) option.disabled = option.value !== told.every && !there.has(option.value);
      if (control === moved || !control.selectedOptions.length || !control.selectedOptions[0].disabled) continue;
      const first = [...control.options].find((option) => !option.disabled);
      if (!first) continue;
      control.value = first.value;
      drawn.view.signal(control.dataset.param, first.value).runAsync();
    }
  }

  // Of tables of a setting each, those of the one that is chosen.
  function showTables() {
    const chosen = document.querySelector("#tables [data-param=setting]");
    if (!chosen) return;
    for (const one of document.querySelectorAll("[data-setting]")) one.hidden = one.dataset.setting !== chosen.value;
  }

  // Moves what is shown by a quarter of it: `by` is how many times to the right and up.
  function pan(drawn, by) {
    // All ends before any is set: a scale follows the signals of both.
    const moved = [["x", by[0]], ["y", by[1]]].filter(([axis]) => drawn.zooms[axis]).map(function ([axis, steps]) {
      const scale = drawn.view.scale(axis);
      const ends = scale.range();
      const far = (steps * (ends[1] - ends[0])) / 4;
      return [drawn.zooms[axis], ends.map((end) => scale.invert(end + far))];
    });
    for (const [field, ends] of moved) drawn.view.signal(field, ends);
    drawn.view.runAsync();
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

  // What its controls say now, into the drawing's parameters: a chart that is drawn again stays as its reader has set it.
  function asChosen(figure, spec) {
    const chosen = new Map();
    for (const control of figure.querySelectorAll("[data-param]")) {
      chosen.set(control.dataset.param, control.type === "checkbox" ? control.checked : control.value);
    }
    const params = (spec.params || []).map((param) =>
      chosen.has(param.name) ? Object.assign({}, param, { value: chosen.get(param.name) }) : param);
    return Object.assign({}, spec, { params: params });
  }

  function listen(part) {
    for (const control of part.querySelectorAll("[data-param]")) {
      control.addEventListener("change", () =>
        setParam(control.dataset.param, control.type === "checkbox" ? control.checked : control.value));
    }
  }

  function tie(figure) {
    const name = figure.dataset.chart;
    const rows = figure.querySelector("details.rows");
    rows.addEventListener("toggle", () => rows.open && fillTable(figure, views.get(name).rows));
    listen(figure);
    for (const button of figure.querySelectorAll("[data-zoom]")) {
      button.addEventListener("click", () => zoom(views.get(name), Number(button.dataset.zoom)));
    }
    for (const button of figure.querySelectorAll("[data-pan]")) {
      button.addEventListener("click", () => pan(views.get(name), button.dataset.pan.split(" ").map(Number)));
    }
    figure.dataset.tied = "";
  }

  const LEGEND = 90; // px beneath a drawing, about

  function nameDrawing(element, chart) {
    element.setAttribute("role", "img");
    element.setAttribute("aria-label", chart.title + ". The figures are in the table beneath.");
  }

  // Where a chart is to be drawn later: as high as it will be, about, and called the same.
  function keepPlace(figure, chart) {
    const place = figure.querySelector(".drawing");
    place.style.minHeight = chart.spec.height + LEGEND + "px";
    nameDrawing(place, chart);
  }

  // Draws a chart into its figure; one that is there already is replaced once the new one is ready.
  async function draw(figure, chart) {
    const name = figure.dataset.chart;
    const rows = rowsOf(chart.table);
    const spec = asChosen(figure, Object.assign({}, chart.spec, { datasets: Object.assign({ [name]: rows }, chart.spec.datasets) }));
    const before = figure.querySelector(".drawing");
    const place = before.firstChild ? before.cloneNode(false) : before;
    if (place !== before) {
      place.classList.add("coming");
      before.before(place);
    }
    const result = await vegaEmbed(place, spec, {
      mode: "vega-lite", renderer: "svg", ast: true, actions: false, defaultStyle: false, hover: true, tooltip: showTip, config: told.config,
      logLevel: 1, // errors; that a control leaves nothing of a layer is none
    });
    nameDrawing(place.querySelector("svg"), chart);
    place.removeAttribute("role");
    place.removeAttribute("aria-label");
    place.style.minHeight = "";
    if (place !== before) {
      before.remove();
      place.classList.remove("coming");
    }
    if (views.has(name)) views.get(name).view.finalize();
    views.set(name, { view: result.view, zooms: chart.zooms, rows: rows });
    if (figure.dataset.tied === undefined) tie(figure);
    offer(figure, views.get(name), null);
    if (figure.querySelector("details.rows").open) fillTable(figure, rows);
  }

  function failed(figure, error) {
    figure.querySelector(".drawing").textContent = "This chart could not be drawn: " + error.message;
    console.error(error);
  }

  const tables = document.getElementById("tables");
  if (tables) listen(tables);
  showTables();
  return { draw: draw, failed: failed, keepPlace: keepPlace, views: views };
};
