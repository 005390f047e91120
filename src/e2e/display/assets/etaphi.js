// The calorimeter unrolled: eta across, phi upwards, cells where their detector has them.

import { cssColour, placeOf, rampAt } from "./colours.js";
import { CELLS, COLLECTIONS } from "./events.js";
import { cellCorners, etaPhi, pathEnd, TWO_PI, wrapPhi } from "./geometry.js";
import { Plane } from "./plane.js";

const BEHIND_FIRST = ["HF", "HO", "HE", "HB", "EE", "EB"];
const CONES = ["jets", "taus"];
const FLIGHTS = ["tracks", "truth", "photons", "electrons"];
const REACH_PIXELS = 7;
const MIN_PIXELS = 2; // so that no cell is lost on the whole map
const FAMILY = Object.fromEntries(COLLECTIONS.map(({ name, family }) => [name, family]));

export class EtaPhiMap extends Plane {
  marked = null;

  show(event, options, theme) {
    Object.assign(this, { event, options, theme, marked: null });
    this.corners = {};
    this.halves = {}; // of eta and phi, about the centre
    this.ends = {};
    for (const name of CELLS) {
      const table = event.table(name);
      this.corners[name] = Array.from({ length: table?.count ?? 0 }, (_, i) =>
        cellCorners(this.detector.surfaces[name], table, i));
      this.halves[name] = this.corners[name].map((corners) => [0, 1].map((axis) => {
        const values = corners.map((corner) => corner[axis]);
        return (Math.max(...values) - Math.min(...values)) / 2;
      }));
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

  // Client coordinates of a cell's centre.
  placeOf(kind, index) {
    const area = this.canvas.getBoundingClientRect();
    const [eta, phi] = this.#centre(kind, index);
    const [turn = 0] = this.turns(phi);
    return [area.left + this.x(eta), area.top + this.y(phi + turn)];
  }

  #centre(kind, index) {
    if (kind === "crops") {
      const { eta, phi } = this.event.crops[index].window;
      return [(eta[0] + eta[1]) / 2, phi[0] + phi[1] / 2];
    }
    const table = this.event.table(kind);
    return this.ends[kind]?.[index] ?? [table.eta[index], table.phi[index]];
  }

  draw() {
    const { context } = this;
    context.fillStyle = this.theme.background;
    context.fillRect(0, 0, this.canvas.clientWidth, this.canvas.clientHeight);
    this.drawGrid();
    context.save();
    this.pathFrame();
    context.clip();
    for (const name of BEHIND_FIRST) this.#drawCells(name);
    this.#drawCones();
    this.#drawFlights();
    this.#drawCrops();
    this.#drawMark();
    context.restore();
    this.drawAxes();
  }

  #shown(name) {
    return this.options.numShown(this.event, name);
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
    for (const turn of this.turns(Math.min(...phis), Math.max(...phis))) {
      const points = corners.map(([eta, phi]) => [this.x(eta), this.y(phi + turn)]);
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

  #drawCones() {
    for (const name of CONES) {
      for (let i = this.#shown(name) - 1; i >= 0; i--) {
        this.#pathCone(this.event.table(name), i);
        this.stroke(this.theme.objects[name], 1.5);
      }
    }
  }

  #pathCone(table, i) {
    const radius = this.detector.jet_radius;
    this.context.beginPath();
    for (const turn of this.turns(table.phi[i] - radius, table.phi[i] + radius)) {
      const [x, y] = [this.x(table.eta[i]), this.y(table.phi[i] + turn)];
      const [across, up] = [this.x(table.eta[i] + radius) - x, y - this.y(table.phi[i] + turn + radius)];
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
          this.stroke(this.theme.background, 4);
          this.stroke(this.theme.objects[name], 2);
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
    for (const turn of this.turns(phi)) {
      const [x, y] = [this.x(eta), this.y(phi + turn)];
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
    for (const i of this.#shownCrops()) {
      this.#pathCrop(i);
      this.stroke(this.theme.objects.crops, 1.2, [5, 3]);
    }
  }

  #shownCrops() {
    const all = this.options.visible.crops ? [...this.event.crops.keys()] : [];
    return all.filter((i) => this.options.isCropShown(this.event.crops[i]));
  }

  #pathCrop(i) {
    const { eta, phi } = this.event.crops[i].window;
    this.context.beginPath();
    for (const turn of this.turns(phi[0], phi[0] + phi[1])) {
      const [top, bottom] = [this.y(phi[0] + phi[1] + turn), this.y(phi[0] + turn)];
      this.context.rect(this.x(eta[0]), top, this.x(eta[1]) - this.x(eta[0]), bottom - top);
    }
  }

  #drawMark() {
    if (this.marked === null) return;
    const { kind, index } = this.marked;
    if (kind === "crops") this.#pathCrop(index);
    else if (CONES.includes(kind)) this.#pathCone(this.event.table(kind), index);
    else if (CELLS.includes(kind)) this.#pathCell(kind, index, 3);
    else if (this.ends[kind]?.[index]) this.#pathMarker(kind, index);
    else return;
    this.stroke(this.theme.accent, 2.5);
  }

  // ---- the pointer

  // {kind, index} of what is under a point of the window; null: nothing.
  pick(clientX, clientY) {
    const area = this.canvas.getBoundingClientRect();
    const [x, y] = [clientX - area.left, clientY - area.top];
    if (!this.event || !this.contains(x, y)) return null;
    return this.#pickMarker(["photons", "electrons", "truth"], x, y, REACH_PIXELS) ?? this.#pickCell(x, y)
      ?? this.#pickMarker(["tracks"], x, y, REACH_PIXELS) ?? this.#pickWindow(x, y);
  }

  #pickMarker(names, x, y, reach) {
    let found = null;
    for (const kind of names) {
      for (let index = this.#shown(kind) - 1; index >= 0; index--) {
        const place = this.ends[kind][index];
        if (place === null) continue;
        for (const turn of this.turns(place[1])) {
          const distance = Math.hypot(this.x(place[0]) - x, this.y(place[1] + turn) - y);
          if (distance <= reach) [found, reach] = [{ kind, index }, distance];
        }
      }
    }
    return found;
  }

  // The cell whose centre is nearest, in units of its size, of those around the point: endcap crystals stand askew.
  #pickCell(x, y) {
    const [eta, phi] = this.at(x, y);
    const [slackEta, slackPhi] = [eta - this.at(x - 1.5, y)[0], this.at(x, y - 1.5)[1] - phi];
    for (const kind of [...BEHIND_FIRST].reverse()) {
      const table = this.event.table(kind);
      let [found, nearest] = [null, 1];
      for (let index = 0, count = this.#shown(kind); index < count; index++) {
        const [halfEta, halfPhi] = this.halves[kind][index];
        const distance = Math.max(
          Math.abs(table.eta[index] - eta) / (halfEta + slackEta),
          Math.abs(wrapPhi(table.phi[index] - phi)) / (halfPhi + slackPhi));
        if (distance < nearest) [found, nearest] = [{ kind, index }, distance];
      }
      if (found) return found;
    }
    return null;
  }

  // The smallest crop around the point, or the nearest jet or tau.
  #pickWindow(x, y) {
    const [eta, phi] = this.at(x, y);
    let found = null;
    let smallest = Infinity;
    for (const index of this.#shownCrops()) {
      const { window } = this.event.crops[index];
      const across = wrapPhi(phi - window.phi[0] - window.phi[1] / 2);
      const isIn = eta > window.eta[0] && eta < window.eta[1] && Math.abs(across) < window.phi[1] / 2;
      if (isIn && window.phi[1] < smallest) [found, smallest] = [{ kind: "crops", index }, window.phi[1]];
    }
    if (found) return found;
    smallest = this.detector.jet_radius;
    for (const kind of CONES) {
      const table = this.event.table(kind);
      for (let index = 0, count = this.#shown(kind); index < count; index++) {
        const distance = Math.hypot(table.eta[index] - eta, wrapPhi(table.phi[index] - phi));
        if (distance < smallest) [found, smallest] = [{ kind, index }, distance];
      }
    }
    return found;
  }
}
