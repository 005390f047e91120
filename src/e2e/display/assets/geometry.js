// Directions, the front of the ECAL and helices; cm and radian. Helices as in e2e/detector/helix.py.

export const TWO_PI = 2 * Math.PI;

export function wrapPhi(phi) {
  return phi - TWO_PI * Math.floor((phi + Math.PI) / TWO_PI);
}

// Unit vector.
export function direction(eta, phi) {
  const transverse = 1 / Math.cosh(eta);
  return [transverse * Math.cos(phi), transverse * Math.sin(phi), Math.tanh(eta)];
}

// How far from the origin a surface lies in the direction eta.
export function distanceTo(surface, eta) {
  return surface.z_cm === null ? surface.radius_cm * Math.cosh(eta) : surface.z_cm / Math.abs(Math.tanh(eta));
}

export function pointOn(surface, eta, phi) {
  const distance = distanceTo(surface, eta);
  return direction(eta, phi).map((component) => component * distance);
}

// The front of the ECAL, barrel or endcap.
export function ecalPoint(detector, eta, phi) {
  const name = Math.abs(eta) < detector.barrel_max_eta ? "EB" : "EE";
  return pointOn(detector.surfaces[name], eta, phi);
}

// The point of row i of a table after a transverse path.
export function follow(table, i, path) {
  const bend = table.bend[i];
  const half = (bend * path) / 2;
  const chord = Math.abs(half) < 1e-9 ? path : (path * Math.sin(half)) / half;
  return [
    table.x_cm[i] + chord * Math.cos(table.phi[i] + half),
    table.y_cm[i] + chord * Math.sin(table.phi[i] + half),
    table.z_cm[i] + path * Math.sinh(table.eta[i]),
  ];
}

export function pathEnd(table, i) {
  return follow(table, i, table.path_cm[i]);
}

export function etaPhi([x, y, z]) {
  return [Math.asinh(z / Math.hypot(x, y)), Math.atan2(y, x)];
}

// Corners of a cell on the map, [eta, phi] x 4, phi near that of its centre. Endcap crystals are squares in x and y.
export function cellCorners(surface, table, i) {
  const [eta, phi] = [table.eta[i], table.phi[i]];
  if (surface.width_cm !== null && surface.z_cm !== null) {
    const [x, y, z] = pointOn(surface, eta, phi);
    const half = surface.width_cm / 2;
    return [[-half, -half], [half, -half], [half, half], [-half, half]].map(([dx, dy]) => {
      const [cornerEta, cornerPhi] = etaPhi([x + dx, y + dy, z]);
      return [cornerEta, phi + wrapPhi(cornerPhi - phi)];
    });
  }
  const halfEta = (surface.eta_width ?? table.eta_width[i]) / 2;
  const halfPhi = (surface.phi_width ?? table.phi_width[i]) / 2;
  return [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([a, b]) => [eta + a * halfEta, phi + b * halfPhi]);
}
