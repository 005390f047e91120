// Tracks, hits, vertices, jets, taus, photons, electrons, truth and crops in three dimensions. Each layer holds a group, shows
// an event, takes a theme and says what a hit of the ray on it is.

import * as THREE from "three";
import { countAbove } from "./events.js";
import { follow, pathEnd } from "./geometry.js";
import { jetMatrix, lineSegments, toSegments, windowEdge, windowSheet } from "./outline.js";

const STEP_RADIAN = 0.12; // of a helix, for each straight piece: less than 0.2 cm beside it up to 1 GeV
const JET_LENGTH_CM = 190; // to behind the front of the HCAL
const MARKER_CM = 4.5;

class Layer {
  constructor(name) {
    this.name = name;
    this.group = new THREE.Group();
  }

  clear() {
    for (const child of this.group.children) {
      child.geometry.dispose();
      child.dispose?.();
    }
    this.group.clear();
  }

  add(object, indexOf) {
    object.frustumCulled = false;
    object.userData = { kind: this.name, indexOf };
    this.group.add(object);
    return object;
  }

  paint(theme) {
    this.material?.color.set(theme.objects[this.name]);
  }

  cut() {}
}

// Whatever flies from a point along a helix: lines, a marker where each ends.
export class Flights extends Layer {
  constructor(name, { opacity = 1, hasMarkers = true } = {}) {
    super(name);
    this.hasMarkers = hasMarkers;
    this.material = new THREE.LineBasicMaterial({ transparent: opacity < 1, opacity });
    this.markerMaterial = new THREE.MeshBasicMaterial();
  }

  paint(theme) {
    super.paint(theme);
    this.markerMaterial.color.set(theme.objects[this.name]);
  }

  // Points along row i.
  line(i) {
    const path = this.table.path_cm[i];
    const steps = Math.max(1, Math.ceil(Math.abs(this.table.bend[i] * path) / STEP_RADIAN));
    return Array.from({ length: steps + 1 }, (_, step) => follow(this.table, i, (path * step) / steps));
  }

  show(event) {
    this.clear();
    this.table = event.table(this.name);
    if (!this.table?.count) return;
    const lines = Array.from({ length: this.table.count }, (_, i) => this.line(i));
    let end = 0;
    this.ends = lines.map((line) => (end += 2 * (line.length - 1))); // of each row, in points
    this.lines = this.add(lineSegments(toSegments(lines), this.material), (hit) => this.ends.findIndex((end) => hit.index < end));
    if (!this.hasMarkers) return;
    const sphere = new THREE.OctahedronGeometry(MARKER_CM, 1);
    this.markers = new THREE.InstancedMesh(sphere, this.markerMaterial, this.table.count);
    const matrix = new THREE.Matrix4();
    for (let i = 0; i < this.table.count; i++) {
      this.markers.setMatrixAt(i, matrix.makeTranslation(...pathEnd(this.table, i)));
    }
    this.markers.computeBoundingSphere(); // of all, before some are cut: three.js keeps it
    this.add(this.markers, (hit) => hit.instanceId);
  }

  cut(minPt) {
    if (!this.table?.count) return;
    const count = countAbove(this.table.pt, minPt);
    this.lines.geometry.setDrawRange(0, count ? this.ends[count - 1] : 0);
    if (this.hasMarkers) this.markers.count = count;
  }
}

export class Points extends Layer {
  constructor(name, size) {
    super(name);
    this.material = new THREE.PointsMaterial({ size, sizeAttenuation: false });
  }

  show(event) {
    this.clear();
    const table = event.table(this.name);
    if (!table?.count) return;
    const positions = Array.from({ length: table.count }, (_, i) => [table.x_cm[i], table.y_cm[i], table.z_cm[i]]).flat();
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute("position", new THREE.Float32BufferAttribute(positions, 3));
    this.add(new THREE.Points(geometry, this.material), (hit) => hit.index);
  }
}

// Jets, and what is drawn as they are.
export class Cones extends Layer {
  constructor(name, radius) {
    super(name);
    this.radius = radius;
    this.material = new THREE.MeshBasicMaterial({
      transparent: true, opacity: 0.13, depthWrite: false, side: THREE.DoubleSide,
    });
    this.ringMaterial = new THREE.LineBasicMaterial({ transparent: true, opacity: 0.75 });
  }

  paint(theme) {
    super.paint(theme);
    this.ringMaterial.color.set(theme.objects[this.name]);
  }

  show(event) {
    this.clear();
    this.table = event.table(this.name);
    if (!this.table?.count) return;
    const cone = new THREE.ConeGeometry(1, 1, 40, 1, true).translate(0, -0.5, 0).rotateX(-Math.PI / 2);
    this.cones = new THREE.InstancedMesh(cone, this.material, this.table.count);
    const matrix = new THREE.Matrix4();
    const rings = [];
    for (let i = 0; i < this.table.count; i++) {
      jetMatrix(this.table.eta[i], this.table.phi[i], this.radius, JET_LENGTH_CM, matrix);
      this.cones.setMatrixAt(i, matrix);
      rings.push(Array.from({ length: this.#ringPoints + 1 }, (_, k) => {
        const angle = (2 * Math.PI * k) / this.#ringPoints;
        return new THREE.Vector3(Math.cos(angle), Math.sin(angle), 1).applyMatrix4(matrix).toArray();
      }));
    }
    this.cones.computeBoundingSphere(); // as above
    this.add(this.cones, (hit) => hit.instanceId);
    this.rings = this.add(lineSegments(toSegments(rings), this.ringMaterial), (hit) =>
      Math.floor(hit.index / (2 * this.#ringPoints)));
  }

  #ringPoints = 40;

  cut(minPt) {
    if (!this.table?.count) return;
    this.cones.count = countAbove(this.table.pt, minPt);
    this.rings.geometry.setDrawRange(0, 2 * this.#ringPoints * this.cones.count);
  }
}

export class Crops extends Layer {
  constructor(detector) {
    super("crops");
    this.detector = detector;
    this.material = new THREE.LineBasicMaterial({ transparent: true, opacity: 0.7 });
    this.sheet = new THREE.MeshBasicMaterial({ side: THREE.DoubleSide });
  }

  show(event) {
    this.clear();
    this.crops = event.crops;
    event.crops.forEach((crop, i) => {
      const edge = windowEdge(this.detector, crop.window);
      this.add(lineSegments(toSegments([edge]), this.material), () => i);
      // not drawn, but found by the pointer
      this.add(new THREE.Mesh(windowSheet(this.detector, crop.window), this.sheet), () => i).visible = false;
    });
  }

  cut(isShown) {
    this.crops?.forEach((crop, i) => {
      const [edge, sheet] = this.group.children.slice(2 * i, 2 * i + 2);
      edge.visible = isShown(crop);
      for (const one of [edge, sheet]) isShown(crop) ? one.layers.enable(0) : one.layers.disable(0); // of the pointer
    });
  }
}
