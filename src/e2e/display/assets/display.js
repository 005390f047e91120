// The page put together: one event at a time in both views, what is under the pointer in words, keys.

import { readPayload } from "./events.js";
import { themeOf } from "./colours.js";
import { EtaPhiMap } from "./etaphi.js";
import { describe } from "./hover.js";
import { Options } from "./options.js";
import { details, element, Panel } from "./panel.js";
import { Scene, VIEWS } from "./scene.js";

const MIN_COLOUR_RANGE_GEV = 10; // that the colours reach to at least

class Display {
  index = -1;
  hovered = null;
  selected = null;

  constructor(payload) {
    this.payload = payload;
    this.options = new Options();
    this.tip = document.getElementById("tip");
    const [canvas, mapCanvas] = document.querySelectorAll("main canvas");
    this.scene = this.#makeScene(canvas);
    this.map = new EtaPhiMap(mapCanvas, payload.detector);
    this.panel = new Panel(document.getElementById("panel"), payload, this.options, {
      changed: (what, name) => this.#changed(what, name),
      select: ({ kind, index }) => this.select(kind, index),
    });
    this.#fillHeader();
    this.#listen(canvas, mapCanvas);
    this.setTheme(matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark");
    this.show(0);
  }

  // null where the browser has no WebGL: the map does without.
  #makeScene(canvas) {
    try {
      const scene = new Scene(canvas, this.payload.detector);
      for (const name of Object.keys(VIEWS)) {
        const button = element("button", { textContent: name });
        button.addEventListener("click", () => scene.view(name));
        document.querySelector(".views").append(button);
      }
      return scene;
    } catch (error) {
      const note = document.querySelector("#three .note");
      note.textContent = `No three-dimensional view: ${error.message}`;
      note.hidden = false;
      canvas.hidden = true;
      return null;
    }
  }

  get views() {
    return [this.scene, this.map].filter((view) => view !== null);
  }

  get event() {
    return this.payload.events[this.index];
  }

  show(index) {
    if (index < 0 || index >= this.payload.events.length || index === this.index) return;
    this.index = index;
    this.hovered = this.selected = null;
    this.tip.hidden = true;
    const { event } = this;
    event.maxColour ??= Math.max(event.largest((table, i) => table.energy[i]), MIN_COLOUR_RANGE_GEV);
    for (const view of this.views) view.show(event, this.options, this.theme);
    this.panel.show(event, this.theme);
    this.map.whole();
    document.getElementById("choose").value = String(index);
    document.getElementById("previous").disabled = index === 0;
    document.getElementById("next").disabled = index === this.payload.events.length - 1;
    document.getElementById("label").textContent = event.label;
    document.getElementById("identity").textContent = `run ${event.run}, block ${event.luminosity_block}, event ${event.event}`;
    document.getElementById("source").textContent =
      `${event.input}: event ${index + 1} of ${this.payload.events.length} shown, ${this.payload.total} in the input. ` +
      `e2e ${this.payload.e2e}, ${this.payload.detector.field_tesla} T.`;
    document.getElementById("provenance").textContent =
      [event.provenance, ...this.payload.bundles.map((bundle) => JSON.stringify(bundle, null, 1))].join("\n");
  }

  select(kind, index) {
    this.selected = kind === null ? null : { kind, index };
    if (kind === "crops") this.map.zoomTo(this.event.crops[index].window);
    this.#mark();
  }

  setTheme(name) {
    this.themeName = name;
    this.theme = themeOf(name);
    document.documentElement.dataset.theme = name;
    if (this.index < 0) return;
    this.map.theme = this.theme;
    this.scene?.paint(this.theme);
    this.panel.paint(this.theme);
    this.map.ask();
  }

  #mark() {
    const reference = this.selected;
    for (const view of this.views) view.mark(this.hovered ?? reference);
    this.panel.mark(reference);
  }

  #changed(what, name) {
    if (what !== "cut") this.scene?.size(this.options);
    this.scene?.cut(this.options);
    this.panel.cut();
    if (name === "HF") this.map.whole(); // as far as that reaches
    this.map.ask();
  }

  #fillHeader() {
    const choose = document.getElementById("choose");
    choose.append(...this.payload.events.map((event, i) =>
      element("option", { value: String(i), textContent: `${i + 1}: ${event.run}:${event.luminosity_block}:${event.event}` })));
    choose.addEventListener("change", () => this.show(Number(choose.value)));
    document.getElementById("previous").addEventListener("click", () => this.show(this.index - 1));
    document.getElementById("next").addEventListener("click", () => this.show(this.index + 1));
    document.getElementById("theme").addEventListener("click", () => this.#otherTheme());
  }

  #otherTheme() {
    this.setTheme(this.themeName === "dark" ? "light" : "dark");
  }

  #listen(canvas, mapCanvas) {
    for (const [target, view] of [[canvas, this.scene], [mapCanvas, this.map]]) {
      let pressed = null;
      let waiting = null;
      target.addEventListener("pointermove", (event) => {
        if (event.buttons || view === null) return this.#hover(null);
        cancelAnimationFrame(waiting); // one look at most for each frame
        waiting = requestAnimationFrame(() => this.#hover(view.pick(event.clientX, event.clientY), event));
      });
      target.addEventListener("pointerleave", () => {
        cancelAnimationFrame(waiting);
        this.#hover(null);
      });
      target.addEventListener("pointerdown", (event) => (pressed = [event.clientX, event.clientY]));
      target.addEventListener("click", (event) => {
        const isDrag = pressed && Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) > 4;
        if (isDrag || view === null) return;
        const found = view.pick(event.clientX, event.clientY);
        this.selected = found;
        this.#mark();
      });
    }
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (["SELECT", "INPUT"].includes(document.activeElement.tagName) && event.key.startsWith("Arrow")) return;
    const views = Object.keys(VIEWS);
    const actions = {
      ArrowLeft: () => this.show(this.index - 1),
      ArrowRight: () => this.show(this.index + 1),
      Escape: () => this.select(null),
      f: () => this.map.whole(),
      t: () => this.#otherTheme(),
      ...Object.fromEntries(views.map((name, i) => [String(i + 1), () => this.scene?.view(name)])),
    };
    if (!(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  }

  #hover(reference, pointer) {
    const isSame = reference?.kind === this.hovered?.kind && reference?.index === this.hovered?.index;
    this.hovered = reference;
    if (!isSame) this.#mark();
    this.tip.hidden = reference === null;
    if (reference === null) return;
    if (!isSame) this.tip.replaceChildren(...details(describe(this.payload, this.event, reference)));
    const { offsetWidth, offsetHeight } = this.tip;
    const left = Math.min(pointer.clientX + 14, innerWidth - offsetWidth - 8);
    const top = pointer.clientY + 16 + offsetHeight > innerHeight ? pointer.clientY - offsetHeight - 12 : pointer.clientY + 16;
    this.tip.style.transform = `translate(${Math.max(left, 8)}px, ${Math.max(top, 8)}px)`;
  }
}

// What tests and other scripts may use.
function handle(display) {
  return {
    get index() {
      return display.index;
    },
    get event() {
      const { run, luminosity_block, event, label } = display.event;
      return { run, luminosity_block, event, label };
    },
    get numEvents() {
      return display.payload.events.length;
    },
    // {kind, index, title, lines} of what is under the pointer, or selected; null: nothing.
    get hovered() {
      return display.hovered && { ...display.hovered, ...describe(display.payload, display.event, display.hovered) };
    },
    get selected() {
      return display.selected && { ...display.selected, ...describe(display.payload, display.event, display.selected) };
    },
    get numFrames() {
      return display.scene?.numFrames ?? 0;
    },
    next: () => display.show(display.index + 1),
    previous: () => display.show(display.index - 1),
    show: (index) => display.show(index),
    select: (kind, index) => display.select(kind, index),
    setTheme: (name) => display.setTheme(name),
    view: (name) => display.scene?.view(name),
    numShown: (kind) => display.options.numShown(display.event, kind),
    column: (kind, name) => Array.from(display.event.table(kind)?.[name] ?? []),
    // Points of a track as they are drawn, cm.
    line: (kind, index) => display.scene.layers[kind].line(index),
    // Client coordinates of a cell, marker or crop on the map, or of a cell or cone in three dimensions.
    placeOf: (kind, index) => display.map.placeOf(kind, index),
    lengthOf: (kind, index) => display.scene.lengthOf(display.event.table(kind), index),
    get range() {
      return display.map.range;
    },
    placeInSpace: (kind, index) => display.scene.project(display.scene.middleOf(kind, index)),
    renderFrames: (n) => ({
      frames: n, seconds: display.scene.renderFrames(n), hits: display.event.numCells, renderer: display.scene.rendererName,
    }),
  };
}

window.e2eDisplay = handle(new Display(readPayload()));
