// The plane of eta and phi on a canvas: what part of it is seen, axes, zooming and moving.

import { oncePerFrame } from "./frames.js";
import { TWO_PI, wrapPhi } from "./geometry.js";

const MARGIN = { left: 54, right: 12, top: 10, bottom: 38 };
const WHOLE = { eta: [-3.15, 3.15], phi: [-Math.PI, Math.PI] };
const FORWARD_ETA = 5.3; // of the whole plane where HF is shown

// Who extends it draws in `draw`, and has `event`, `options` and `theme` by then.
export class Plane {
  constructor(canvas, detector) {
    Object.assign(this, { canvas, detector });
    this.context = canvas.getContext("2d");
    this.range = structuredClone(WHOLE);
    new ResizeObserver(() => this.#resize()).observe(canvas.parentElement);
    this.#followPointer();
    this.#resize();
  }

  whole() {
    const eta = this.options?.visible.HF ? [-FORWARD_ETA, FORWARD_ETA] : [...WHOLE.eta];
    this.range = { eta, phi: [...WHOLE.phi] };
    this.ask();
  }

  // The map around a window, with half as much again about it.
  zoomTo({ eta, phi }) {
    const half = Math.max(eta[1] - eta[0], phi[1]) * 0.75;
    const middle = [(eta[0] + eta[1]) / 2, wrapPhi(phi[0] + phi[1] / 2)];
    const ratio = this.height / this.width;
    this.range = { eta: [middle[0] - half, middle[0] + half], phi: [middle[1] - half * ratio, middle[1] + half * ratio] };
    this.ask();
  }

  // ---- coordinates

  get width() {
    return this.canvas.clientWidth - MARGIN.left - MARGIN.right;
  }

  get height() {
    return this.canvas.clientHeight - MARGIN.top - MARGIN.bottom;
  }

  x(eta) {
    return MARGIN.left + ((eta - this.range.eta[0]) / (this.range.eta[1] - this.range.eta[0])) * this.width;
  }

  y(phi) {
    return MARGIN.top + ((this.range.phi[1] - phi) / (this.range.phi[1] - this.range.phi[0])) * this.height;
  }

  at(x, y) {
    const { eta, phi } = this.range;
    return [
      eta[0] + ((x - MARGIN.left) / this.width) * (eta[1] - eta[0]),
      phi[1] - ((y - MARGIN.top) / this.height) * (phi[1] - phi[0]),
    ];
  }

  // phi moved by whole turns to where the map shows it, every such place.
  turns(low, high = low) {
    const [bottom, top] = this.range.phi;
    const first = Math.ceil((bottom - high) / TWO_PI);
    const last = Math.floor((top - low) / TWO_PI);
    return Array.from({ length: Math.max(last - first + 1, 0) }, (_, i) => (first + i) * TWO_PI);
  }

  pathFrame() {
    this.context.beginPath();
    this.context.rect(MARGIN.left, MARGIN.top, this.width, this.height);
  }

  contains(x, y) {
    const [right, bottom] = [MARGIN.left + this.width, MARGIN.top + this.height];
    return x >= MARGIN.left && x <= right && y >= MARGIN.top && y <= bottom;
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

  ask = oncePerFrame(() => {
    if (this.event) this.draw();
  });

  stroke(colour, width, dash = []) {
    this.context.strokeStyle = colour;
    this.context.lineWidth = width;
    this.context.setLineDash(dash);
    this.context.stroke();
    this.context.setLineDash([]);
  }

  // Where barrel and endcaps end, and eta and phi 0.
  drawGrid() {
    this.context.beginPath();
    for (const eta of [-3, -this.detector.barrel_max_eta, 0, this.detector.barrel_max_eta, 3]) {
      if (eta < this.range.eta[0] || eta > this.range.eta[1]) continue;
      this.context.moveTo(this.x(eta), MARGIN.top);
      this.context.lineTo(this.x(eta), MARGIN.top + this.height);
    }
    this.stroke(this.theme.line, 1);
  }

  drawAxes() {
    const { context } = this;
    const [bottom, left] = [MARGIN.top + this.height, MARGIN.left];
    this.pathFrame();
    this.stroke(this.theme.outline, 1);
    context.fillStyle = this.theme.ink;
    context.font = "12px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "top";
    for (const eta of ticks(...this.range.eta)) context.fillText(formatTick(eta), this.x(eta), bottom + 5);
    context.fillText("η", left + this.width / 2, bottom + 20);
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const phi of ticks(...this.range.phi)) context.fillText(formatTick(phi), left - 5, this.y(phi));
    context.save();
    context.translate(11, MARGIN.top + this.height / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillText("φ [rad]", 0, 0);
    context.restore();
  }

  // ---- the pointer

  #followPointer() {
    let from = null;
    this.canvas.addEventListener("pointerdown", (event) => {
      from = [event.clientX, event.clientY];
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (from === null) return;
      const [a, b] = [this.at(...from), this.at(event.clientX, event.clientY)];
      this.#move(a[0] - b[0], a[1] - b[1]);
      from = [event.clientX, event.clientY];
    });
    for (const name of ["pointerup", "pointercancel"]) this.canvas.addEventListener(name, () => (from = null));
    this.canvas.addEventListener("dblclick", () => this.whole());
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const area = this.canvas.getBoundingClientRect();
      this.zoomBy(Math.exp(event.deltaY * 0.0015), this.at(event.clientX - area.left, event.clientY - area.top));
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
