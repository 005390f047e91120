// Cells as boxes on the front of their detector: one mesh, hence one draw call, for each subdetector.
//
// Written out and not instanced, since software renderers take an instance for a draw call of its own; and what is too
// short to have sides that one sees is a plate. docs/display.md says what both are worth.

import * as THREE from "three";
import { placeOf, rampAt } from "./colours.js";
import { CELLS, countAbove } from "./events.js";
import { direction, distanceTo } from "./geometry.js";

export const MAX_LENGTH_CM = 130; // of the largest cell
const MIN_LENGTH_CM = 1.5;
const PLATE_CM = 4; // below this, no sides
const LOG_DECADES = 3; // below the largest that a logarithmic length shows
const WIDTH_SHARE = 0.96; // of a tower, so that neighbours stay apart

// Four corners of the foot, anticlockwise as seen from outside, and the four above them. Faces, foot and top first, with
// shades that stand in for light.
const CORNERS = [[-1, -1], [1, -1], [1, 1], [-1, 1]];
const FACES = [
  { corners: [3, 2, 1, 0], shade: 0.75 },
  { corners: [4, 5, 6, 7], shade: 1 },
  { corners: [1, 2, 6, 5], shade: 0.82 },
  { corners: [3, 0, 4, 7], shade: 0.82 },
  { corners: [2, 3, 7, 6], shade: 0.62 },
  { corners: [0, 1, 5, 4], shade: 0.62 },
];
const VERTICES = 4 * FACES.length; // of a box
const TRIANGLES = [0, 1, 2, 0, 2, 3]; // of a face

export class Boxes {
  constructor(name, family, surface) {
    Object.assign(this, { name, family, surface, mesh: null });
    this.group = new THREE.Group();
    this.material = new THREE.MeshBasicMaterial({ vertexColors: true });
  }

  show(table) {
    this.table = table;
    this.mesh?.geometry.dispose();
    this.group.clear();
    this.mesh = null;
    if (!table?.count) return;
    const geometry = new THREE.BufferGeometry();
    const numValues = 3 * VERTICES * table.count;
    geometry.setAttribute("position", new THREE.BufferAttribute(new Float32Array(numValues), 3));
    geometry.setAttribute("color", new THREE.BufferAttribute(new Float32Array(numValues), 3));
    geometry.setIndex(new THREE.BufferAttribute(new Uint32Array(6 * FACES.length * table.count), 1));
    this.ends = new Uint32Array(table.count); // of each cell, in the index
    this.mesh = new THREE.Mesh(geometry, this.material);
    this.mesh.frustumCulled = false; // all of the detector is in sight, or nearly
    this.mesh.userData = { kind: this.name, indexOf: (hit) => this.ends.findIndex((end) => 3 * hit.faceIndex < end) };
    this.group.add(this.mesh);
  }

  // lengthOf(table, i): 0 to 1.
  size(lengthOf) {
    if (this.mesh === null) return;
    const { index, attributes } = this.mesh.geometry;
    let [vertex, end] = [0, 0];
    for (let i = 0; i < this.table.count; i++) {
      const length = lengthInCm(lengthOf(this.table, i));
      const numFaces = length < PLATE_CM ? 2 : FACES.length;
      const points = this.#corners(i, length);
      FACES.forEach(({ corners }, face) => {
        if (face < numFaces) for (const corner of TRIANGLES) index.array[end++] = vertex + corner;
        for (const corner of corners) attributes.position.setXYZ(vertex++, ...points[corner]);
      });
      this.ends[i] = end;
    }
    attributes.position.needsUpdate = index.needsUpdate = true;
    this.mesh.geometry.boundingSphere = null; // else picking goes by the old one
  }

  // The box stands on the front and widens outwards as all that points to the origin does: it keeps its eta and phi.
  // Endcap crystals are square in x and y.
  #corners(i, length) {
    const [eta, phi] = [this.table.eta[i], this.table.phi[i]];
    const along = new THREE.Vector3(...direction(eta, phi));
    const distance = distanceTo(this.surface, eta);
    const isSquare = this.surface.width_cm !== null && this.surface.z_cm !== null;
    const across = isSquare ? new THREE.Vector3(1, 0, 0) : new THREE.Vector3(-Math.sin(phi), Math.cos(phi), 0);
    across.addScaledVector(along, -across.dot(along)).normalize();
    const third = new THREE.Vector3().crossVectors(along, across);
    const [width, height] = this.#widths(i, distance);
    return [0, length].flatMap((depth) => CORNERS.map(([x, y]) => {
      const widened = (distance + depth) / distance / 2;
      return along.clone().multiplyScalar(distance + depth)
        .addScaledVector(across, x * width * widened).addScaledVector(third, y * height * widened).toArray();
    }));
  }

  // A box around cell i, a little larger.
  around(i, length) {
    const points = this.#corners(i, lengthInCm(length) + 1);
    const middle = points.reduce((sum, point) => sum.add(new THREE.Vector3(...point)), new THREE.Vector3()).divideScalar(8);
    const geometry = new THREE.BufferGeometry().setFromPoints(points.map((point) =>
      new THREE.Vector3(...point).sub(middle).multiplyScalar(1.15).add(middle)));
    return geometry.setIndex(FACES.flatMap(({ corners }) => TRIANGLES.map((corner) => corners[corner])));
  }

  // On the axis of cell i, half way up.
  middleOf(i, length) {
    const [eta, phi] = [this.table.eta[i], this.table.phi[i]];
    return direction(eta, phi).map((component) => component * (distanceTo(this.surface, eta) + lengthInCm(length) / 2));
  }

  #widths(i, distance) {
    if (this.surface.width_cm !== null) return [this.surface.width_cm, this.surface.width_cm];
    const transverse = distance / Math.cosh(this.table.eta[i]);
    return [this.table.phi_width[i], this.table.eta_width[i]].map((angle) => angle * transverse * WIDTH_SHARE);
  }

  paint(theme, maxEnergy) {
    if (this.mesh === null) return;
    const { color } = this.mesh.geometry.attributes;
    const colour = new THREE.Color();
    let vertex = 0;
    for (let i = 0; i < this.table.count; i++) {
      const [red, green, blue] = rampAt(theme.ramps[this.family], placeOf(this.table.energy[i], maxEnergy));
      colour.setRGB(red / 255, green / 255, blue / 255, THREE.SRGBColorSpace);
      for (const { shade } of FACES) {
        for (let k = 0; k < 4; k++) color.setXYZ(vertex++, colour.r * shade, colour.g * shade, colour.b * shade);
      }
    }
    color.needsUpdate = true;
  }

  cut(minEnergy) {
    if (this.mesh === null) return;
    const count = countAbove(this.table.energy, minEnergy);
    this.mesh.geometry.setDrawRange(0, count ? this.ends[count - 1] : 0);
  }
}

function lengthInCm(length) {
  return Math.max(length * MAX_LENGTH_CM, MIN_LENGTH_CM);
}

// A function (table, i) -> 0 to 1, by E or ET, linear or logarithmic; 1 is the largest cell of what is switched on.
export function lengthScale(event, { quantity, isLogarithmic, visible }) {
  const valueOf = (table, i) => (quantity === "et" ? table.energy[i] / Math.cosh(table.eta[i]) : table.energy[i]);
  const largest = event.largest(valueOf, CELLS.filter((name) => visible[name])) || 1;
  if (!isLogarithmic) return (table, i) => Math.min(valueOf(table, i) / largest, 1); // more: of what is hidden
  return (table, i) => Math.min(Math.max(1 + Math.log10(valueOf(table, i) / largest) / LOG_DECADES, 0), 1);
}
