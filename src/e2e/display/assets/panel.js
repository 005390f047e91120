// The panel: what is shown, thresholds, scales, colours, and the candidates with their answers.

import { COLLECTIONS } from "./events.js";
import { MIN_COLOUR_GEV } from "./colours.js";
import { answersOf, cropTitle, describe, number } from "./hover.js";
import { THRESHOLDS } from "./options.js";

const SLIDER_STEPS = 100;

export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export class Panel {
  // changed(what, name): "cut", "size" or "visible", and of which collection; select(reference).
  constructor(root, payload, options, { changed, select }) {
    Object.assign(this, { payload, options, changed, select, boxes: {}, counts: {}, swatches: {} });
    root.append(
      this.#picked(), this.#candidates(), this.#collections(), this.#thresholds(), this.#lengths(),
    );
  }

  #section(title, ...children) {
    return element("section", {}, element("h2", { textContent: title }), ...children);
  }

  #picked() {
    this.picked = element("div", { className: "picked" });
    return this.picked;
  }

  #candidates() {
    this.rows = element("div", { className: "candidates" });
    this.candidates = this.#section("Candidates", this.rows);
    this.candidates.hidden = this.payload.bundles.length === 0;
    return this.candidates;
  }

  #collections() {
    const list = element("div", { className: "collections" });
    for (const { name, title } of COLLECTIONS) {
      if (name === "crops" && !this.payload.bundles.length) continue;
      const box = element("input", { type: "checkbox", checked: this.options.visible[name], id: `show-${name}` });
      box.addEventListener("change", () => {
        this.options.visible[name] = box.checked;
        this.changed("visible", name);
      });
      this.boxes[name] = box;
      this.counts[name] = element("output");
      this.swatches[name] = element("i", { className: `swatch ${name}` });
      list.append(element("label", { htmlFor: box.id }, box, this.swatches[name], element("span", { textContent: title }), this.counts[name]));
    }
    return this.#section("Show", list);
  }

  #thresholds() {
    const sliders = THRESHOLDS.map(({ name, title, low, high, start, unit }) => {
      const toValue = (step) => (step === 0 ? 0 : low * (high / low) ** (step / SLIDER_STEPS));
      const value = element("output", { textContent: `${number(start, 2)} ${unit}` });
      const slider = element("input", {
        type: "range", min: 0, max: SLIDER_STEPS, id: `above-${name}`,
        value: String(Math.round((SLIDER_STEPS * Math.log(start / low)) / Math.log(high / low))),
      });
      slider.addEventListener("input", () => {
        this.options.thresholds[name] = toValue(Number(slider.value));
        value.textContent = `${number(this.options.thresholds[name], 2)} ${unit}`;
        this.changed("cut");
      });
      return element("label", { className: "slider", htmlFor: slider.id }, element("span", { textContent: title }), value, slider);
    });
    return this.#section("Thresholds", ...sliders);
  }

  #lengths() {
    const choices = [["et", false, "ET"], ["energy", false, "E"], ["et", true, "log ET"], ["energy", true, "log E"]];
    const group = element("div", { className: "choices", role: "radiogroup" });
    for (const [quantity, isLogarithmic, text] of choices) {
      const isChosen = quantity === this.options.quantity && isLogarithmic === this.options.isLogarithmic;
      const radio = element("input", { type: "radio", name: "length", checked: isChosen, id: `length-${text.replace(" ", "-")}` });
      radio.addEventListener("change", () => {
        Object.assign(this.options, { quantity, isLogarithmic });
        this.changed("size");
      });
      group.append(element("label", { htmlFor: radio.id }, radio, element("span", { textContent: text })));
    }
    return this.#section("Length of cells", group);
  }

  show(event, theme) {
    for (const [name, output] of Object.entries(this.counts)) {
      const table = event.table(name);
      output.textContent = table === null ? "not in file" : String(table.count);
      this.boxes[name].parentElement.classList.toggle("absent", table === null);
    }
    this.event = event;
    this.#showCandidates();
    this.paint(theme);
    this.mark(null);
  }

  paint(theme) {
    for (const { name, family } of COLLECTIONS) {
      const ramp = theme.ramps[family];
      this.swatches[name]?.style.setProperty("background", ramp ? `linear-gradient(90deg, ${ramp.join(", ")})` : theme.objects[name]);
    }
    const high = this.event.maxColour;
    const marks = [];
    for (let power = Math.log10(MIN_COLOUR_GEV); 10 ** power <= high * 1.001; power++) marks.push(10 ** Math.round(power));
    const bar = (ramp, title) =>
      element("div", { className: "bar" }, element("span", { textContent: title }), element("i", { style: `background: linear-gradient(90deg, ${ramp.join(", ")})` }));
    const axis = element("div", { className: "axis" }, ...marks.map((value) => element("span", {
      textContent: number(value), style: `left: ${(100 * Math.log(value / MIN_COLOUR_GEV)) / Math.log(high / MIN_COLOUR_GEV)}%`,
    })));
    document.getElementById("scale").replaceChildren(
      bar(theme.ramps.ecal, "ECAL"), bar(theme.ramps.hcal, "HCAL"), axis, element("p", { textContent: "energy of a cell [GeV]" }),
    );
  }

  #showCandidates() {
    const { crops } = this.event;
    this.rows.replaceChildren(...crops.map((crop, index) => {
      const button = element("button", { title: cropTitle(crop) },
        element("b", { textContent: crop.source }), element("span", { className: "pt", textContent: `${number(crop.pt)} GeV` }));
      for (const bundle of this.payload.bundles) {
        for (const { bundle: name, text, meaning, share } of answersOf(bundle, crop)) {
          const line = element("span", { className: "answer", title: meaning },
            element("span", { textContent: name }), element("b", { textContent: text }));
          if (share !== undefined) line.append(element("i", { style: `--share: ${100 * share}%` }));
          button.append(line);
        }
      }
      button.addEventListener("click", () => this.select({ kind: "crops", index }));
      return button;
    }));
    this.rows.append(element("p", { textContent: "none above the thresholds" }));
    this.cut();
  }

  // Candidates whose crops are shown.
  cut() {
    const buttons = [...this.rows.children].slice(0, -1);
    buttons.forEach((button, i) => (button.hidden = !this.options.isCropShown(this.event.crops[i])));
    this.rows.lastChild.hidden = buttons.some((button) => !button.hidden);
  }

  // What is selected, in words; null: nothing is.
  mark(reference) {
    this.picked.hidden = reference === null;
    [...this.rows.children].forEach((row, i) =>
      row.classList.toggle("selected", reference?.kind === "crops" && reference.index === i));
    if (reference === null) return;
    this.picked.replaceChildren(...details(describe(this.payload, this.event, reference)));
  }
}

export function details({ title, lines }) {
  const list = element("dl");
  for (const [name, value] of lines) list.append(element("div", {}, element("dt", { textContent: name }), element("dd", { textContent: value })));
  return [element("b", { textContent: title }), list];
}
