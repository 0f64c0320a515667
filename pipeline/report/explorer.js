"use strict";
// Fills the panels that Bokeh draws with the trial that is chosen, in the colours of the theme.
(async () => {
  const element = (name) => document.getElementById(`explorer-${name}`);
  const data = JSON.parse(element("data").textContent);
  const section = document.getElementById("explorer").closest("[hidden]");
  if (section) section.hidden = false;
  for (const link of document.querySelectorAll("[data-explorer-link]")) link.hidden = false;

  const panels = element("panels"), faces = element("faces"), choice = element("trial");
  await Bokeh.embed.embed_item(JSON.parse(element("plots").textContent), panels);
  const plots = Bokeh.documents[Bokeh.documents.length - 1];
  const model = (name) => plots.get_model_by_name(name);
  const time = model("time"), [left, right] = data.margins, FACE = 48;
  // A finger scrolls the page; there the buttons zoom and move.
  if (matchMedia("(pointer: coarse)").matches) {
    for (const panel of model("panels").children) for (const tool of panel.toolbar.tools) tool.active = false;
  }
  const boxes = [...document.querySelectorAll("[data-model]")];
  let trial = null;

  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const times = (text) => new Float32Array(bytes(text).buffer);
  const numbers = (text, [low, high]) =>
    Float64Array.from(new Int16Array(bytes(text).buffer), (n) => (n === -32768 ? NaN : low + ((n + 32767) / 65534) * (high - low)));

  const dark = matchMedia("(prefers-color-scheme: dark)"), paper = matchMedia("print");
  const colour = () => {
    if (paper.matches) return;
    panels.dataset.theme = dark.matches ? "dark" : "light";
    const style = getComputedStyle(document.documentElement);
    for (const [name, property, variable] of data.paint) model(name)[property] = style.getPropertyValue(variable).trim();
  };

  const shown = () => {
    for (const box of boxes) {
      for (const name of data.shown[box.dataset.model] ?? []) model(name).visible = box.checked;
    }
    const drawn = new Set(boxes.filter((box) => box.checked).map((box) => Number(box.dataset.model)));
    const labelled = trial.ccc.some((of) => of.length);
    data.hovers.forEach((rows, place) => {
      const kept = rows.filter(([of, name]) => (of === null ? name !== "label" || labelled : drawn.has(of)));
      const lines = kept.map(([, name, format]) => `<tr><td>${name}<td style="text-align: right; padding-left: 1em">${format}`);
      model(`panel-${place}-hover`).tooltips = `<table style="font: 12px system-ui, sans-serif; color: #1b1f24">${lines.join("")}</table>`;
    });
  };

  // Every n-th face, as many as fit side by side, each at its time.
  const place = () => {
    const { times: at } = trial.faces, scale = (faces.clientWidth - left - right) / (time.end - time.start);
    const apart = ((at[at.length - 1] - at[0]) / Math.max(at.length - 1, 1)) * scale;
    const every = Math.max(1, Math.ceil(FACE / Math.max(apart, 0.01)));
    [...faces.children].forEach((face, number) => {
      face.hidden = number % every !== 0 || at[number] < time.start || at[number] > time.end;
      face.style.left = `${left + (at[number] - time.start) * scale - FACE / 2}px`;
    });
  };

  const moved = () => {
    place();
    element("range").value = `${time.start.toFixed(1)} to ${time.end.toFixed(1)} of ${trial.seconds.toFixed(1)} s`;
  };

  const show = (start, end) => {
    const span = Math.min(Math.max(end - start, trial.seconds / 200), trial.seconds);
    const from = Math.min(Math.max((start + end - span) / 2, 0), trial.seconds - span);
    time.setv({ start: from, end: from + span });
  };

  const actions = {
    in: () => zoom(0.5),
    out: () => zoom(2),
    earlier: () => pan(-0.25),
    later: () => pan(0.25),
    whole: () => show(0, trial.seconds),
  };
  const zoom = (factor) => {
    const middle = (time.start + time.end) / 2, half = ((time.end - time.start) / 2) * factor;
    show(middle - half, middle + half);
  };
  const pan = (part) => {
    const span = time.end - time.start;
    const start = Math.min(Math.max(time.start + part * span, 0), trial.seconds - span);
    time.setv({ start, end: start + span });
  };

  const fill = () => {
    const at = times(trial.time), blank = new Float64Array(at.length).fill(NaN);
    const columns = { time: at, middle: new Float64Array(at.length) };
    for (const [name, limits] of Object.entries(data.limits)) {
      columns[name] = name in trial.columns ? numbers(trial.columns[name], limits) : blank;
    }
    const { y_range } = model("panel-0");
    columns.middle.fill((y_range.start + y_range.end) / 2);
    model("frames").data = columns;
    const loud = Float64Array.from(bytes(trial.sound.loudness), (value) => value / 255);
    model("sound").data = {
      time: loud.map((_, number) => ((number + 0.5) / loud.length) * trial.sound.seconds),
      loudness: loud,
      below: loud.map((value) => -value),
    };
    for (const kind of data.shades) {
      const of = trial.shades.filter(([which]) => which === kind);
      model(`shade-${kind}`).data = { start: of.map((one) => one[1]), end: of.map((one) => one[2]) };
    }
  };

  const choose = (name) => {
    trial = data.trials[name];
    choice.value = name;
    time.bounds = [0, trial.seconds];
    fill();
    element("words").textContent = trial.words;
    for (const cell of document.querySelectorAll("[data-ccc]")) {
      const [of, column] = cell.dataset.ccc.split("/");
      cell.textContent = trial.ccc[of][column] ?? "–";
    }
    const kinds = new Set(trial.shades.map(([kind]) => kind));
    for (const entry of document.querySelectorAll("[data-shade]")) entry.hidden = !kinds.has(entry.dataset.shade);
    faces.replaceChildren(
      ...trial.faces.times.map((_, number) => {
        const face = document.createElement("i");
        face.style.backgroundImage = `url(data:image/jpeg;base64,${trial.faces.jpeg})`;
        face.style.backgroundPosition = `${-FACE * number}px 0`;
        return face;
      }),
    );
    faces.setAttribute("aria-label", `The face of ${name} along time, ${trial.faces.times.length} pictures.`);
    faces.classList.toggle("none", !trial.faces.times.length);
    for (const button of document.querySelectorAll("[data-step]")) {
      button.disabled = !choice.options[choice.selectedIndex + Number(button.dataset.step)];
    }
    shown();
    show(0, trial.seconds);
    moved();
  };

  const named = () => new URLSearchParams(location.hash.slice(1)).get("trial");
  const pick = () => {
    choose(choice.value);
    history.replaceState(null, "", `#trial=${encodeURIComponent(choice.value)}`);
  };
  choice.addEventListener("change", pick);
  for (const button of document.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => {
      choice.selectedIndex += Number(button.dataset.step);
      pick();
    });
  }
  for (const button of document.querySelectorAll("[data-do]")) {
    button.addEventListener("click", () => actions[button.dataset.do]());
  }
  for (const box of boxes) box.addEventListener("change", shown);
  const keys = { "+": "in", "=": "in", "-": "out", ArrowLeft: "earlier", ArrowRight: "later", 0: "whole", Home: "whole" };
  panels.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
    event.preventDefault();
    actions[keys[event.key]]();
  });
  time.change.connect(() => trial && moved());
  new ResizeObserver(() => trial && place()).observe(faces);
  addEventListener("hashchange", () => named() in data.trials && choose(named()));
  dark.addEventListener("change", colour);
  // Panels keep their width in pixels; on paper there are about 640.
  addEventListener("beforeprint", () => panels.parentElement.style.setProperty("--print-zoom", Math.min(1, 640 / panels.clientWidth)));

  colour();
  const wanted = named();
  choose(wanted in data.trials ? wanted : data.first);
  if (wanted in data.trials && section) section.scrollIntoView();
  window.explorer = { plots, time, panels, trial: () => trial };
  panels.dataset.ready = "true";
  document.dispatchEvent(new Event("explorer-ready"));
})();
