// The three-dimensional view: drawn only when something has changed.

import * as THREE from "three";
import { OrbitControls } from "./OrbitControls.js";
import { Boxes, lengthScale } from "./boxes.js";
import { CELLS, COLLECTIONS } from "./events.js";
import { Cones, Crops, Flights, Points } from "./layers.js";
import { detectorLines, lineSegments, windowEdge, windowSheet } from "./outline.js";
import { oncePerFrame } from "./frames.js";
import { ecalPoint } from "./geometry.js";

const MAX_PIXEL_RATIO = 2;
const LINE_REACH_CM = 4; // within which the pointer finds a line or a point

// Where the camera stands, and half the width and height in cm that it must see; all look at the centre. The usual
// pictures are along the beam, and from the side.
export const VIEWS = {
  "3-D": { from: [0.54, 0.38, 0.75], half: [470, 390] },
  "r-φ": { from: [0, 0, 1], half: [340, 340] },
  "r-z": { from: [1, 0, 1e-5], half: [480, 340] },
};
const FIELD_OF_VIEW = 30; // degree, upwards

function nameOf(gl) {
  const extension = gl.getExtension("WEBGL_debug_renderer_info");
  return gl.getParameter(extension ? extension.UNMASKED_RENDERER_WEBGL : gl.RENDERER);
}

// Smooth edges take software three times as long.
function drawsInSoftware() {
  const gl = document.createElement("canvas").getContext("webgl2");
  if (gl === null) return false;
  const isSoftware = /swiftshader|llvmpipe|software|basic render/i.test(nameOf(gl));
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return isSoftware;
}

export class Scene {
  constructor(canvas, detector) {
    this.canvas = canvas;
    this.detector = detector;
    this.renderer = new THREE.WebGLRenderer({ canvas, antialias: !drawsInSoftware() });
    this.renderer.setPixelRatio(Math.min(window.devicePixelRatio, MAX_PIXEL_RATIO));
    this.scene = new THREE.Scene();
    this.camera = new THREE.PerspectiveCamera(FIELD_OF_VIEW, 1, 10, 9000);
    this.controls = new OrbitControls(this.camera, canvas);
    Object.assign(this.controls, { minDistance: 30, maxDistance: 4000, zoomToCursor: true });
    this.controls.addEventListener("change", () => this.ask());
    this.raycaster = new THREE.Raycaster();
    for (const kind of ["Line", "Points"]) this.raycaster.params[kind].threshold = LINE_REACH_CM;
    this.#build();
    this.#resize();
    this.view("3-D");
    new ResizeObserver(() => this.#resize()).observe(canvas.parentElement);
  }

  #build() {
    const { near, far } = detectorLines(this.detector);
    this.outlines = [new THREE.LineBasicMaterial(), new THREE.LineBasicMaterial({ transparent: true, opacity: 0.55 })];
    this.scene.add(lineSegments(near, this.outlines[0]), lineSegments(far, this.outlines[1]));
    this.layers = {};
    for (const { name, family } of COLLECTIONS.filter((one) => CELLS.includes(one.name))) {
      this.layers[name] = new Boxes(name, family, this.detector.surfaces[name]);
    }
    Object.assign(this.layers, {
      tracks: new Flights("tracks", { opacity: 0.85, hasMarkers: false }),
      tracker_hits: new Points("tracker_hits", 2),
      vertices: new Points("vertices", 4),
      photons: new Flights("photons"),
      electrons: new Flights("electrons"),
      truth: new Flights("truth", { opacity: 0.7 }),
      jets: new Cones("jets", this.detector.jet_radius),
      taus: new Cones("taus", this.detector.jet_radius),
      crops: new Crops(this.detector),
    });
    for (const layer of Object.values(this.layers)) this.scene.add(layer.group);
    this.marked = new THREE.Group();
    this.scene.add(this.marked);
    this.markMaterials = {
      box: new THREE.MeshBasicMaterial({ transparent: true, opacity: 0.9 }),
      line: new THREE.LineBasicMaterial({ depthTest: false }),
      sheet: new THREE.MeshBasicMaterial({ transparent: true, opacity: 0.22, depthWrite: false, side: THREE.DoubleSide }),
    };
  }

  show(event, options, theme) {
    this.event = event;
    for (const [name, layer] of Object.entries(this.layers)) {
      layer.show(CELLS.includes(name) ? event.table(name) : event);
    }
    this.size(options);
    this.paint(theme);
    this.cut(options);
    this.mark(null);
  }

  size(options) {
    this.lengthOf = lengthScale(this.event, options);
    for (const name of CELLS) this.layers[name].size(this.lengthOf);
    this.ask();
  }

  paint(theme) {
    this.scene.background = new THREE.Color(theme.background);
    this.outlines.forEach((material) => material.color.set(theme.outline));
    for (const layer of Object.values(this.layers)) layer.paint(theme, this.event.maxColour);
    for (const material of Object.values(this.markMaterials)) material.color.set(theme.accent);
    this.ask();
  }

  // What is above the thresholds, and switched on.
  cut(options) {
    for (const [name, layer] of Object.entries(this.layers)) {
      layer.group.visible = options.visible[name];
      layer.cut(name === "crops" ? (crop) => options.isCropShown(crop) : options.lowest(name));
    }
    this.ask();
  }

  // Show which one is meant; null: none.
  mark(reference) {
    for (const child of this.marked.children) child.geometry.dispose();
    this.marked.clear();
    if (reference !== null) this.#marks(reference).forEach((object) => this.marked.add(object));
    this.ask();
  }

  #marks({ kind, index }) {
    const { box, line, sheet } = this.markMaterials;
    const layer = this.layers[kind];
    if (CELLS.includes(kind)) {
      return [new THREE.Mesh(layer.around(index, this.lengthOf(layer.table, index)), box)];
    }
    if (kind === "crops") {
      const { window } = this.event.crops[index];
      const edge = new THREE.BufferGeometry().setFromPoints(
        windowEdge(this.detector, window).map((point) => new THREE.Vector3(...point)));
      return [new THREE.Line(edge, line), new THREE.Mesh(windowSheet(this.detector, window), sheet)];
    }
    const path = this.#pathOf(layer, kind, index);
    return [new THREE.Line(new THREE.BufferGeometry().setFromPoints(path.map((point) => new THREE.Vector3(...point))), line)];
  }

  #pathOf(layer, kind, index) {
    const table = this.event.table(kind);
    if (layer instanceof Flights) return layer.line(index);
    if (layer instanceof Cones) return [[0, 0, 0], ecalPoint(this.detector, table.eta[index], table.phi[index])];
    const [x, y, z] = [table.x_cm[index], table.y_cm[index], table.z_cm[index]];
    return [[x - 5, y, z], [x + 5, y, z], [x, y, z], [x, y - 5, z], [x, y + 5, z]];
  }

  // {kind, index} of what is under a point of the window; null: nothing.
  pick(clientX, clientY) {
    const area = this.canvas.getBoundingClientRect();
    const place = new THREE.Vector2(
      ((clientX - area.left) / area.width) * 2 - 1, 1 - ((clientY - area.top) / area.height) * 2);
    this.raycaster.setFromCamera(place, this.camera);
    // by what is drawn over what: solid things first, then lines, then sheets that one sees through
    for (const names of [[...CELLS, "photons", "electrons", "truth"], ["vertices", "tracks", "tracker_hits"], ["crops", "jets", "taus"]]) {
      const groups = names.map((name) => this.layers[name].group).filter((group) => group.visible);
      const [hit] = this.raycaster.intersectObjects(groups, true);
      if (hit === undefined) continue;
      const { kind, indexOf } = hit.object.userData;
      return { kind, index: indexOf ? indexOf(hit) : hit.instanceId };
    }
    return null;
  }

  // Client coordinates of a point in cm.
  project(point) {
    this.camera.updateMatrixWorld();
    const { x, y } = new THREE.Vector3(...point).project(this.camera);
    const area = this.canvas.getBoundingClientRect();
    return [area.left + ((x + 1) / 2) * area.width, area.top + ((1 - y) / 2) * area.height];
  }

  // Middle of a cell's box, or where the axis of a cone meets the ECAL.
  middleOf(kind, index) {
    const layer = this.layers[kind];
    if (layer instanceof Cones) return ecalPoint(this.detector, layer.table.eta[index], layer.table.phi[index]);
    return layer.middleOf(index, this.lengthOf(layer.table, index));
  }

  view(name) {
    const { from, half: [width, height] } = VIEWS[name];
    const distance = Math.max(height, width / this.camera.aspect) / Math.tan(THREE.MathUtils.degToRad(FIELD_OF_VIEW / 2));
    this.camera.position.set(...from).setLength(distance);
    this.controls.target.set(0, 0, 0);
    this.controls.update();
    this.ask();
  }

  #resize() {
    const { clientWidth, clientHeight } = this.canvas.parentElement;
    if (!clientWidth || !clientHeight) return;
    this.renderer.setSize(clientWidth, clientHeight, false);
    this.camera.aspect = clientWidth / clientHeight;
    this.camera.updateProjectionMatrix();
    this.ask();
  }

  ask = oncePerFrame(() => this.render());

  render() {
    this.renderer.render(this.scene, this.camera);
    this.numFrames = (this.numFrames ?? 0) + 1;
  }

  // Seconds that n frames take, each from another side and waited for.
  renderFrames(n) {
    const gl = this.renderer.getContext();
    const pixel = new Uint8Array(4);
    const before = this.camera.position.clone();
    const start = performance.now();
    for (let i = 1; i <= n; i++) {
      this.camera.position.applyAxisAngle(new THREE.Vector3(0, 1, 0), (2 * Math.PI) / n);
      this.camera.lookAt(this.controls.target);
      this.render();
      gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
    }
    const seconds = (performance.now() - start) / 1000;
    this.camera.position.copy(before);
    this.controls.update();
    this.ask();
    return seconds;
  }

  get rendererName() {
    return nameOf(this.renderer.getContext());
  }
}
