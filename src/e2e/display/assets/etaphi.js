// The calorimeter unrolled: eta across, phi upwards, cells where their detector has them.

import { cssColour, placeOf, rampAt } from "./colours.js";
import { CELLS, COLLECTIONS, countAbove } from "./events.js";
import { cellCorners, etaPhi, pathEnd, TWO_PI, wrapPhi } from "./geometry.js";

const MARGIN = { left: 46, right: 12, top: 10, bottom: 38 };
const WHOLE = { eta: [-3.15, 3.15], phi: [-Math.PI, Math.PI] };
const FORWARD_ETA = 5.3; // of the whole map where HF is shown
const BEHIND_FIRST = ["HF", "HO", "HE", "HB", "EE", "EB"];
const FLIGHTS = ["tracks", "truth", "photons", "electrons"];
const REACH_PIXELS = 7;
const MIN_PIXELS = 2; // so that no cell is lost on the whole map
const FAMILY = Object.fromEntries(COLLECTIONS.map(({ name, family }) => [name, family]));

export class EtaPhiMap {
  #isAsked = false;

  constructor(canvas, detector) {
    Object.assign(this, { canvas, detector, marked: null });
    this.context = canvas.getContext("2d");
    this.range = structuredClone(WHOLE);
    new ResizeObserver(() => this.#resize()).observe(canvas.parentElement);
    this.#followPointer();
    this.#resize();
  }

  show(event, options, theme) {
    Object.assign(this, { event, options, theme, marked: null });
    this.corners = {};
    this.ends = {};
    for (const name of CELLS) {
      const table = event.table(name);
      this.corners[name] = Array.from({ length: table?.count ?? 0 }, (_, i) =>
        cellCorners(this.detector.surfaces[name], table, i));
    }
    for (const name of FLIGHTS) {
      const table = event.table(name);
      this.ends[name] = Array.from({ length: table?.count ?? 0 }, (_, i) => this.#arrival(table, i));
    }
    this.ask();
  }

  // Where a track meets the ECAL; null: it does not.
  #arrival(table, i) {
    const { EB, EE } = this.detector.surfaces;
    const end = pathEnd(table, i);
    const arrives = Math.hypot(end[0], end[1]) > EB.radius_cm - 1 || Math.abs(end[2]) > EE.z_cm - 1;
    return arrives && table.path_cm[i] > 0 ? etaPhi(end) : null;
  }

  mark(reference) {
    this.marked = reference;
    this.ask();
  }

  whole() {
    const eta = this.options?.visible.HF ? [-FORWARD_ETA, FORWARD_ETA] : [...WHOLE.eta];
    this.range = { eta, phi: [...WHOLE.phi] };
    this.ask();
  }

  // The map around a window, with as much again about it.
  zoomTo({ eta, phi }) {
    const half = Math.max(eta[1] - eta[0], phi[1]) * 0.9;
    const middle = [(eta[0] + eta[1]) / 2, wrapPhi(phi[0] + phi[1] / 2)];
    const ratio = this.#height / this.#width;
    this.range = { eta: [middle[0] - half, middle[0] + half], phi: [middle[1] - half * ratio, middle[1] + half * ratio] };
    this.ask();
  }

  // ---- coordinates

  get #width() {
    return this.canvas.clientWidth - MARGIN.left - MARGIN.right;
  }

  get #height() {
    return this.canvas.clientHeight - MARGIN.top - MARGIN.bottom;
  }

  #x(eta) {
    return MARGIN.left + ((eta - this.range.eta[0]) / (this.range.eta[1] - this.range.eta[0])) * this.#width;
  }

  #y(phi) {
    return MARGIN.top + ((this.range.phi[1] - phi) / (this.range.phi[1] - this.range.phi[0])) * this.#height;
  }

  #at(x, y) {
    const { eta, phi } = this.range;
    return [
      eta[0] + ((x - MARGIN.left) / this.#width) * (eta[1] - eta[0]),
      phi[1] - ((y - MARGIN.top) / this.#height) * (phi[1] - phi[0]),
    ];
  }

  // phi moved by whole turns to where the map shows it, every such place.
  #turns(low, high = low) {
    const [bottom, top] = this.range.phi;
    const first = Math.ceil((bottom - high) / TWO_PI);
    const last = Math.floor((top - low) / TWO_PI);
    return Array.from({ length: Math.max(last - first + 1, 0) }, (_, i) => (first + i) * TWO_PI);
  }

  // Client coordinates of a cell's centre.
  placeOf(kind, index) {
    const area = this.canvas.getBoundingClientRect();
    const [eta, phi] = this.#centre(kind, index);
    const [turn = 0] = this.#turns(phi);
    return [area.left + this.#x(eta), area.top + this.#y(phi + turn)];
  }

  #centre(kind, index) {
    if (kind === "crops") {
      const { eta, phi } = this.event.crops[index].window;
      return [(eta[0] + eta[1]) / 2, phi[0] + phi[1] / 2];
    }
    const table = this.event.table(kind);
    return this.ends[kind]?.[index] ?? [table.eta[index], table.phi[index]];
  }

  // ---- drawing

  #resize() {
    const { clientWidth, clientHeight } = this.canvas.parentElement;
    const ratio = window.devicePixelRatio;
    this.canvas.width = Math.round(clientWidth * ratio);
    this.canvas.height = Math.round(clientHeight * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.ask();
  }

  ask() {
    if (this.#isAsked) return;
    this.#isAsked = true;
    requestAnimationFrame(() => {
      this.#isAsked = false;
      if (this.event) this.draw();
    });
  }

  draw() {
    const { context } = this;
    context.fillStyle = this.theme.background;
    context.fillRect(0, 0, this.canvas.clientWidth, this.canvas.clientHeight);
    this.#drawGrid();
    context.save();
    context.beginPath();
    context.rect(MARGIN.left, MARGIN.top, this.#width, this.#height);
    context.clip();
    for (const name of BEHIND_FIRST) this.#drawCells(name);
    this.#drawJets();
    this.#drawFlights();
    this.#drawCrops();
    this.#drawMark();
    context.restore();
    this.#drawAxes();
  }

  #shown(name) {
    if (!this.options.visible[name]) return 0;
    const table = this.event.table(name);
    if (!table?.count) return 0;
    const column = table.energy && CELLS.includes(name) ? table.energy : table.pt;
    return column ? countAbove(column, this.options.lowest(name)) : table.count;
  }

  #drawCells(name) {
    const table = this.event.table(name);
    // the highest last, so that they lie on top
    for (let i = this.#shown(name) - 1; i >= 0; i--) {
      const place = placeOf(table.energy[i], this.event.maxColour);
      this.context.fillStyle = cssColour(rampAt(this.theme.ramps[FAMILY[name]], place));
      this.#pathCell(name, i);
      this.context.fill();
    }
  }

  #pathCell(name, i, margin = 0) {
    const { context } = this;
    const corners = this.corners[name][i];
    const phis = corners.map(([, phi]) => phi);
    context.beginPath();
    for (const turn of this.#turns(Math.min(...phis), Math.max(...phis))) {
      const points = corners.map(([eta, phi]) => [this.#x(eta), this.#y(phi + turn)]);
      const xs = points.map(([x]) => x);
      const ys = points.map(([, y]) => y);
      const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
      if (margin || right - left < MIN_PIXELS || bottom - top < MIN_PIXELS) {
        const [width, height] = [Math.max(right - left, MIN_PIXELS) + 2 * margin, Math.max(bottom - top, MIN_PIXELS) + 2 * margin];
        context.rect((left + right - width) / 2, (top + bottom - height) / 2, width, height);
      } else {
        points.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)));
        context.closePath();
      }
    }
  }

  #drawJets() {
    const table = this.event.table("jets");
    for (let i = this.#shown("jets") - 1; i >= 0; i--) {
      this.#pathJet(table, i);
      this.#stroke(this.theme.objects.jets, 1.5);
    }
  }

  #pathJet(table, i) {
    const radius = this.detector.jet_radius;
    this.context.beginPath();
    for (const turn of this.#turns(table.phi[i] - radius, table.phi[i] + radius)) {
      const [x, y] = [this.#x(table.eta[i]), this.#y(table.phi[i] + turn)];
      const [across, up] = [this.#x(table.eta[i] + radius) - x, y - this.#y(table.phi[i] + turn + radius)];
      this.context.moveTo(x + across, y);
      this.context.ellipse(x, y, across, up, 0, 0, TWO_PI);
    }
  }

  #drawFlights() {
    for (const name of FLIGHTS) {
      for (let i = this.#shown(name) - 1; i >= 0; i--) {
        if (this.ends[name][i] === null) continue;
        this.#pathMarker(name, i);
        if (name === "tracks") {
          this.context.fillStyle = this.theme.objects.tracks;
          this.context.fill();
        } else {
          this.#stroke(this.theme.background, 4);
          this.#stroke(this.theme.objects[name], 2);
        }
      }
    }
  }

  // Tracks: dots that grow with pT. Photons: circles; electrons: diamonds; truth: crosses.
  #pathMarker(name, i) {
    const { context } = this;
    const [eta, phi] = this.ends[name][i];
    const size = name === "tracks" ? 1.2 + Math.min(Math.log10(1 + this.event.table(name).pt[i]), 2) : 6;
    context.beginPath();
    for (const turn of this.#turns(phi)) {
      const [x, y] = [this.#x(eta), this.#y(phi + turn)];
      if (name === "electrons") {
        [[0, -1], [1, 0], [0, 1], [-1, 0]].forEach(([a, b], k) =>
          k ? context.lineTo(x + a * size * 1.3, y + b * size * 1.3) : context.moveTo(x, y - size * 1.3));
        context.closePath();
      } else if (name === "truth") {
        context.moveTo(x - size, y - size);
        context.lineTo(x + size, y + size);
        context.moveTo(x - size, y + size);
        context.lineTo(x + size, y - size);
      } else {
        context.moveTo(x + size, y);
        context.arc(x, y, size, 0, TWO_PI);
      }
    }
  }

  #drawCrops() {
    for (let i = this.#shown("crops") - 1; i >= 0; i--) {
      if (!this.options.isCropShown(this.event.crops[i])) continue;
      this.#pathCrop(i);
      this.#stroke(this.theme.objects.crops, 1.2, [5, 3]);
    }
  }

  #pathCrop(i) {
    const { eta, phi } = this.event.crops[i].window;
    this.context.beginPath();
    for (const turn of this.#turns(phi[0], phi[0] + phi[1])) {
      const [top, bottom] = [this.#y(phi[0] + phi[1] + turn), this.#y(phi[0] + turn)];
      this.context.rect(this.#x(eta[0]), top, this.#x(eta[1]) - this.#x(eta[0]), bottom - top);
    }
  }

  #drawMark() {
    if (this.marked === null) return;
    const { kind, index } = this.marked;
    if (kind === "crops") this.#pathCrop(index);
    else if (kind === "jets") this.#pathJet(this.event.table("jets"), index);
    else if (CELLS.includes(kind)) this.#pathCell(kind, index, 3);
    else if (this.ends[kind]?.[index]) this.#pathMarker(kind, index);
    else return;
    this.#stroke(this.theme.accent, 2.5);
  }

  #stroke(colour, width, dash = []) {
    this.context.strokeStyle = colour;
    this.context.lineWidth = width;
    this.context.setLineDash(dash);
    this.context.stroke();
    this.context.setLineDash([]);
  }

  // Where barrel and endcaps end, and eta and phi 0.
  #drawGrid() {
    this.context.beginPath();
    for (const eta of [-3, -this.detector.barrel_max_eta, 0, this.detector.barrel_max_eta, 3]) {
      if (eta < this.range.eta[0] || eta > this.range.eta[1]) continue;
      this.context.moveTo(this.#x(eta), MARGIN.top);
      this.context.lineTo(this.#x(eta), MARGIN.top + this.#height);
    }
    this.#stroke(this.theme.line, 1);
  }

  #drawAxes() {
    const { context } = this;
    const [bottom, left] = [MARGIN.top + this.#height, MARGIN.left];
    context.beginPath();
    context.rect(left, MARGIN.top, this.#width, this.#height);
    this.#stroke(this.theme.outline, 1);
    context.fillStyle = this.theme.ink;
    context.font = "12px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "top";
    for (const eta of ticks(...this.range.eta)) context.fillText(formatTick(eta), this.#x(eta), bottom + 5);
    context.fillText("η", left + this.#width / 2, bottom + 20);
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const phi of ticks(...this.range.phi)) context.fillText(formatTick(phi), left - 5, this.#y(phi));
    context.save();
    context.translate(11, MARGIN.top + this.#height / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillText("φ [rad]", 0, 0);
    context.restore();
  }

  // ---- the pointer

  // {kind, index} of what is under a point of the window; null: nothing.
  pick(clientX, clientY) {
    const area = this.canvas.getBoundingClientRect();
    const [x, y] = [clientX - area.left, clientY - area.top];
    const isInside = x >= MARGIN.left && x <= MARGIN.left + this.#width && y >= MARGIN.top && y <= MARGIN.top + this.#height;
    if (!isInside || !this.event) return null;
    return this.#pickMarker(["photons", "electrons", "truth"], x, y, REACH_PIXELS) ?? this.#pickCell(x, y)
      ?? this.#pickMarker(["tracks"], x, y, REACH_PIXELS) ?? this.#pickWindow(x, y);
  }

  #pickMarker(names, x, y, reach) {
    let found = null;
    for (const kind of names) {
      for (let index = this.#shown(kind) - 1; index >= 0; index--) {
        const place = this.ends[kind][index];
        if (place === null) continue;
        for (const turn of this.#turns(place[1])) {
          const distance = Math.hypot(this.#x(place[0]) - x, this.#y(place[1] + turn) - y);
          if (distance <= reach) [found, reach] = [{ kind, index }, distance];
        }
      }
    }
    return found;
  }

  #pickCell(x, y) {
    const [eta, phi] = this.#at(x, y);
    const [slackEta, slackPhi] = [eta - this.#at(x - 1.5, y)[0], this.#at(x, y - 1.5)[1] - phi];
    for (const kind of [...BEHIND_FIRST].reverse()) {
      const table = this.event.table(kind);
      for (let index = 0, count = this.#shown(kind); index < count; index++) {
        const [low, high] = [this.corners[kind][index][0], this.corners[kind][index][2]];
        const halfEta = Math.abs(high[0] - low[0]) / 2 + slackEta;
        const halfPhi = Math.abs(high[1] - low[1]) / 2 + slackPhi;
        const isIn = Math.abs(table.eta[index] - eta) < halfEta && Math.abs(wrapPhi(table.phi[index] - phi)) < halfPhi;
        if (isIn) return { kind, index };
      }
    }
    return null;
  }

  // The smallest crop around the point, or the nearest jet.
  #pickWindow(x, y) {
    const [eta, phi] = this.#at(x, y);
    let found = null;
    let smallest = Infinity;
    for (let index = 0, count = this.#shown("crops"); index < count; index++) {
      if (!this.options.isCropShown(this.event.crops[index])) continue;
      const { window } = this.event.crops[index];
      const across = wrapPhi(phi - window.phi[0] - window.phi[1] / 2);
      const isIn = eta > window.eta[0] && eta < window.eta[1] && Math.abs(across) < window.phi[1] / 2;
      if (isIn && window.phi[1] < smallest) [found, smallest] = [{ kind: "crops", index }, window.phi[1]];
    }
    if (found) return found;
    const jets = this.event.table("jets");
    smallest = this.detector.jet_radius;
    for (let index = 0, count = this.#shown("jets"); index < count; index++) {
      const distance = Math.hypot(jets.eta[index] - eta, wrapPhi(jets.phi[index] - phi));
      if (distance < smallest) [found, smallest] = [{ kind: "jets", index }, distance];
    }
    return found;
  }

  #followPointer() {
    let from = null;
    this.canvas.addEventListener("pointerdown", (event) => {
      from = [event.clientX, event.clientY];
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (from === null) return;
      const [a, b] = [this.#at(...from), this.#at(event.clientX, event.clientY)];
      this.#move(a[0] - b[0], a[1] - b[1]);
      from = [event.clientX, event.clientY];
    });
    for (const name of ["pointerup", "pointercancel"]) this.canvas.addEventListener(name, () => (from = null));
    this.canvas.addEventListener("dblclick", () => this.whole());
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const area = this.canvas.getBoundingClientRect();
      this.zoomBy(Math.exp(event.deltaY * 0.0015), this.#at(event.clientX - area.left, event.clientY - area.top));
    }, { passive: false });
  }

  #move(byEta, byPhi) {
    this.range.eta = this.range.eta.map((value) => value + byEta);
    this.range.phi = this.range.phi.map((value) => value + byPhi);
    this.ask();
  }

  // The point stays where it is.
  zoomBy(factor, [eta, phi]) {
    const size = Math.min(factor, TWO_PI / (this.range.phi[1] - this.range.phi[0]));
    this.range.eta = this.range.eta.map((value) => eta + (value - eta) * size);
    this.range.phi = this.range.phi.map((value) => phi + (value - phi) * size);
    this.ask();
  }
}

function ticks(low, high) {
  const rough = (high - low) / 7;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
}

function formatTick(value) {
  return String(Number(value.toFixed(3))).replace("-", "\u2212");
}
