// The detector in lines, and windows and cones on it.

import * as THREE from "three";
import { direction, ecalPoint } from "./geometry.js";

const SECTORS = 18; // supermodules of the ECAL barrel

function circle(radius, z, points = 72) {
  return Array.from({ length: points + 1 }, (_, i) => {
    const phi = (2 * Math.PI * i) / points;
    return [radius * Math.cos(phi), radius * Math.sin(phi), z];
  });
}

export function toSegments(lines) {
  return lines.flatMap((line) => line.slice(1).flatMap((point, i) => [...line[i], ...point]));
}

export function lineSegments(positions, material) {
  const geometry = new THREE.BufferGeometry();
  geometry.setAttribute("position", new THREE.Float32BufferAttribute(positions, 3));
  return new THREE.LineSegments(geometry, material);
}

// Fronts of ECAL and HCAL, and the beam. Returns lines, near and far: the ECAL stands out.
export function detectorLines(detector) {
  const { EB, EE, HB, HE } = detector.surfaces;
  const barrelZ = EB.radius_cm * Math.sinh(detector.barrel_max_eta);
  const towerZ = HB.radius_cm * Math.sinh(detector.hb_max_eta);
  const maxEta = detector.endcap_max_eta;
  const at = (eta, z) => z / Math.sinh(eta);
  const near = [];
  for (const z of [-barrelZ, 0, barrelZ]) near.push(circle(EB.radius_cm, z));
  for (let i = 0; i < SECTORS; i++) {
    const phi = (2 * Math.PI * (i + 0.5)) / SECTORS;
    const [x, y] = [EB.radius_cm * Math.cos(phi), EB.radius_cm * Math.sin(phi)];
    near.push([[x, y, -barrelZ], [x, y, barrelZ]]);
  }
  const far = [[[0, 0, -HE.z_cm * 1.25], [0, 0, HE.z_cm * 1.25]]];
  for (const side of [-1, 1]) {
    near.push(circle(at(maxEta, EE.z_cm), side * EE.z_cm), circle(at(detector.barrel_max_eta, EE.z_cm), side * EE.z_cm));
    far.push(circle(HB.radius_cm, side * towerZ), circle(at(maxEta, HE.z_cm), side * HE.z_cm));
    far.push(circle(at(detector.hb_max_eta, HE.z_cm), side * HE.z_cm));
  }
  return { near: toSegments(near), far: toSegments(far) };
}

// The edge of a window on the front of the ECAL, closed; a little inside, so that crystals do not hide it.
export function windowEdge(detector, window, steps = 16) {
  const [[eta0, eta1], [phi0, width]] = [window.eta, window.phi];
  const corners = [[eta0, 0], [eta1, 0], [eta1, width], [eta0, width], [eta0, 0]];
  return corners.slice(1).flatMap(([eta, phi], side) => {
    const [fromEta, fromPhi] = corners[side];
    return Array.from({ length: steps + (side === 3) }, (_, i) => {
      const share = i / steps;
      return inside(ecalPoint(detector, fromEta + (eta - fromEta) * share, phi0 + fromPhi + (phi - fromPhi) * share));
    });
  });
}

// The same as a sheet of triangles.
export function windowSheet(detector, window, steps = 12) {
  const [[eta0, eta1], [phi0, width]] = [window.eta, window.phi];
  const positions = [];
  const index = [];
  for (let row = 0; row <= steps; row++) {
    for (let column = 0; column <= steps; column++) {
      const [eta, phi] = [eta0 + ((eta1 - eta0) * row) / steps, phi0 + (width * column) / steps];
      positions.push(...inside(ecalPoint(detector, eta, phi)));
      if (row === steps || column === steps) continue;
      const here = row * (steps + 1) + column;
      index.push(here, here + 1, here + steps + 1, here + 1, here + steps + 2, here + steps + 1);
    }
  }
  const geometry = new THREE.BufferGeometry();
  geometry.setAttribute("position", new THREE.Float32BufferAttribute(positions, 3));
  geometry.setIndex(index);
  return geometry;
}

function inside(point) {
  return point.map((component) => component * 0.985);
}

// A cone of unit length along +z, open, its half opening that of a circle of `radius` in eta and phi.
export function jetMatrix(eta, phi, radius, length, matrix) {
  const along = new THREE.Vector3(...direction(eta, phi));
  const turn = new THREE.Quaternion().setFromUnitVectors(new THREE.Vector3(0, 0, 1), along);
  // d theta = d eta / cosh(eta); d phi subtends as much
  const opening = Math.tan(radius / Math.cosh(eta));
  return matrix.compose(new THREE.Vector3(), turn, new THREE.Vector3(opening * length, opening * length, length));
}
