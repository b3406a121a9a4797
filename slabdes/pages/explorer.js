// SPDX-License-Identifier: GPL-2.0-only
// Ties the controls to the address and to what the server tells of the setting (server-sent events), and draws that (charts.js).
// Computes no figure: it moves sliders between places that it was told, and shows what comes. A newer setting ends an older one.
(function () {
  "use strict";
  const told = JSON.parse(document.getElementById("data").textContent);
  const charts = window.slabdesCharts(told);
  const page = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const root = document.documentElement;
  const WAIT = 30; // ms after a control was moved, for it to move on
  const LONGEST = 200; // ms that a control that keeps moving is waited for
  const one = (id) => document.getElementById(id);
  const drawing = new Map(); // figures that are being drawn, each with what is to be drawn next
  let pinned = null;
  let stream = null;
  let timer = null;
  let waiting = 0;
  let resolved = {};

  const controls = told.controls.map(function (control) {
    const place = document.querySelector("[data-control='" + control.id + "']");
    return Object.assign({ place: place, main: one(control.id), exact: place.querySelector("[type=number]"), now: null }, control);
  });
  const named = (key) => controls.find((control) => control.key === key && !control.place.hidden);
  const textOf = (control) => control.now ?? (control.text || resolved[control.key] || "");
  const version = () => textOf(controls.find((control) => control.key === "allocator"));
  // Whether the chosen kind of workload and the chosen allocator have a control's key.
  const has = (control) => (control.of === "" || control.of === kind())
    && (control.versions.length === 0 || control.versions.includes(version()));
  const kind = () => { const found = controls.find((control) => control.key === "workload.kind"); return found ? textOf(found) : "trace"; };

  // Sliders

  function stopsOf(control) {
    if (control.key !== "machine.cpus") return control.stops;
    const machine = named("machine.preset");
    const most = told.cpus[textOf(machine)];
    return most === undefined ? control.stops : control.stops.filter((stop) => stop <= most);
  }

  function nearest(stops, value) {
    let best = 0;
    for (let at = 1; at < stops.length; at += 1) if (Math.abs(stops[at] - value) < Math.abs(stops[best] - value)) best = at;
    return best;
  }

  function show(control) {
    control.place.hidden = !has(control);
    const text = textOf(control);
    if (control.options.length) {
      control.main.value = text;
      return;
    }
    const stops = stopsOf(control);
    control.main.max = stops.length - 1;
    control.main.value = nearest(stops, Number(text));
    control.main.setAttribute("aria-valuetext", text + (control.unit ? " " + control.unit : ""));
    if (document.activeElement !== control.exact || control.now === null) control.exact.value = text;
  }

  function showAll() {
    for (const control of controls) show(control);
    one("unpin").hidden = pinned === null;
    one("pin").textContent = pinned === null ? "Pin this setting" : "Pin this instead";
  }

  function fit() {
    const cpus = named("machine.cpus");
    if (!cpus) return;
    const stops = stopsOf(cpus);
    const most = stops[stops.length - 1];
    if (Number(textOf(cpus)) > most) cpus.now = String(most);
  }

  function changed(control, text) {
    control.now = text === "" && !control.options.length ? null : text;
    // What the kernel chooses hangs on these: it is told again.
    if (control.key === "machine.preset") {
      delete resolved["machine.cpus"];
      fit();
    }
    showAll();
    soon();
  }

  for (const control of controls) {
    control.main.addEventListener("input", function () {
      changed(control, control.options.length ? control.main.value : String(stopsOf(control)[Number(control.main.value)]));
    });
    if (control.exact) control.exact.addEventListener("input", () => changed(control, control.exact.value));
  }

  // The address

  function query() {
    const said = new URLSearchParams();
    for (const control of controls) {
      if (!control.place.hidden && control.now !== null && control.now !== control.text) said.set(control.key, control.now);
    }
    return said;
  }

  function address() {
    const said = query();
    if (pinned !== null) said.set("pin", pinned);
    return said;
  }

  function read() {
    const said = new URLSearchParams(location.search);
    pinned = said.get("pin");
    for (const control of controls) control.now = null;
    for (const chosen of controls) {
      if ((chosen.key === "workload.kind" || chosen.key === "allocator") && said.has(chosen.key)) chosen.now = said.get(chosen.key);
    }
    for (const control of controls) {
      if (has(control) && said.has(control.key)) control.now = said.get(control.key);
    }
    showAll();
  }

  // What is run

  function soon() {
    const now = performance.now();
    if (timer === null) waiting = now;
    delete root.dataset.done;
    clearTimeout(timer);
    timer = setTimeout(ask, Math.max(0, Math.min(WAIT, waiting + LONGEST - now)));
  }

  function ask() {
    clearTimeout(timer);
    timer = null;
    const said = address();
    history.replaceState(null, "", said.size ? "?" + said : location.pathname);
    one("save").href = "experiment.toml?" + query();
    if (stream) stream.close();
    const began = performance.now();
    delete root.dataset.done;
    delete root.dataset.refused;
    delete root.dataset.first;
    one("answer").classList.add("old");
    for (const figure of document.querySelectorAll("figure[data-chart]")) figure.classList.add("old");
    said.set("page", page);
    const mine = new EventSource("events?" + said);
    stream = mine;
    const hear = function (name, act) {
      mine.addEventListener(name, function (event) {
        if (mine === stream) act(JSON.parse(event.data));
      });
    };
    hear("preparing", function (event) {
      one("status").textContent = "Getting ready, once: " + event.what + ". The first answer follows; later ones come at once.";
    });
    hear("setting", setting);
    hear("progress", progress);
    hear("answer", answer);
    hear("chart", (chart) => draw(chart, began));
    hear("refused", function (event) {
      mine.close();
      one("status").textContent = "";
      one("refused").textContent = event.line;
      one("refused").hidden = false;
      root.dataset.refused = event.line;
    });
    hear("done", function (event) {
      mine.close();
      for (const figure of document.querySelectorAll("figure.old")) figure.remove();
      one("digest").textContent = "Digest of what was run: " + event.digest;
      if (timer === null) root.dataset.done = event.digest;
    });
    mine.onerror = function () {
      if (mine !== stream) return;
      mine.close();
      one("status").textContent = "slabdes explore does not answer: it has ended, or is of another token.";
    };
  }

  function setting(event) {
    one("refused").hidden = true;
    resolved = event.resolved;
    for (const control of controls) {
      const note = control.place.querySelector(".note");
      note.hidden = !(control.key in event.notes);
      note.textContent = event.notes[control.key] || "";
    }
    showAll();
    one("command").textContent = event.command;
    one("toml").textContent = event.toml;
  }

  function progress(event) {
    const count = event.operations.toLocaleString("en");
    one("status").textContent = event.short
      ? "A first look at " + count + " operations; the whole follows."
      : event.replications + " of " + event.of + " replications of " + count + " operations.";
  }

  function answer(event) {
    const lines = [...event.about.map((text) => ["about", text]), ...event.answer.map((text) => ["", text]),
      ...event.warnings.map((text) => ["warning", text])];
    one("answer").replaceChildren(...lines.map(function ([name, text]) {
      const line = document.createElement("p");
      line.className = name;
      line.textContent = text;
      return line;
    }));
    one("answer").classList.remove("old");
  }

  // Charts: the HTML of a figure is made and escaped by the server, from the template that reports use.

  function figureOf(chart) {
    let figure = document.querySelector("figure[data-chart='" + chart.name + "']");
    const shape = JSON.stringify(chart.controls);
    if (figure === null || figure.dataset.shape !== shape) {
      const made = document.createElement("template");
      made.innerHTML = chart.html;
      const fresh = made.content.querySelector("figure");
      fresh.dataset.shape = shape;
      if (figure !== null) {
        keep(figure, fresh);
        charts.views.delete(chart.name);
        figure.replaceWith(fresh);
      }
      figure = fresh;
    }
    const place = one(chart.leads ? "lead" : "more");
    if (figure.parentElement !== place) place.append(figure);
    if (chart.leads && chart.name === "latency") {
      for (const other of one("lead").querySelectorAll("figure")) if (other !== figure) other.remove();
    }
    figure.querySelector("h3").textContent = chart.title;
    return figure;
  }

  // What its reader has chosen stays chosen, as far as there is such a choice.
  function keep(figure, fresh) {
    for (const control of fresh.querySelectorAll("[data-param]")) {
      const before = figure.querySelector("[data-param='" + control.dataset.param + "']");
      if (before === null) continue;
      if (control.type === "checkbox") control.checked = before.checked;
      else if (Array.from(control.options).some((option) => option.value === before.value)) control.value = before.value;
    }
    fresh.querySelector("details.rows").open = figure.querySelector("details.rows").open;
  }

  async function draw(chart, began) {
    if (drawing.has(chart.name)) {
      drawing.set(chart.name, [chart, began]);
      return;
    }
    drawing.set(chart.name, null);
    const figure = figureOf(chart);
    try {
      await charts.draw(figure, chart);
      figure.classList.remove("old");
    } catch (error) {
      charts.failed(figure, error);
    }
    if (chart.leads && !("first" in root.dataset)) root.dataset.first = String(Math.round(performance.now() - began));
    const next = drawing.get(chart.name);
    drawing.delete(chart.name);
    if (next) draw(...next);
  }

  // Buttons

  one("pin").addEventListener("click", function () {
    pinned = query().toString();
    showAll();
    ask();
  });
  one("unpin").addEventListener("click", function () {
    pinned = null;
    showAll();
    one("pin").focus();
    ask();
  });
  one("reset").addEventListener("click", function () {
    for (const control of controls) control.now = null;
    resolved = {};
    showAll();
    ask();
  });
  one("copy").addEventListener("click", async function () {
    try {
      await navigator.clipboard.writeText(one("command").textContent);
      one("copied").textContent = "copied";
    } catch {
      one("copied").textContent = "this browser does not let it be copied: select it";
    }
  });
  document.querySelector("form.panel").addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("popstate", function () {
    read();
    ask();
  });

  read();
  fit();
  ask();
})();
