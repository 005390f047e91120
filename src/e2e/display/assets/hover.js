// What is said of a thing under the pointer: a title and lines of [name, value].

import { COLLECTIONS } from "./events.js";

const TITLES = Object.fromEntries(COLLECTIONS.map(({ name, title }) => [name, title]));
const SINGULAR = {
  tracks: "track", tracker_hits: "tracker hit", vertices: "vertex", jets: "jet", taus: "tau", photons: "photon",
  electrons: "electron", truth: "true particle",
};
const PARTICLES = {
  1: "d", 2: "u", 3: "s", 4: "c", 5: "b", 6: "t", 11: "e", 13: "μ", 15: "τ", 21: "g", 22: "γ", 23: "Z", 24: "W",
  25: "H", 35: "A", 36: "A", 111: "π⁰", 211: "π±",
};

export function number(value, digits = 3) {
  if (!Number.isFinite(value)) return "not known";
  const text = Math.abs(value) >= 1e5 ? value.toExponential(2) : String(Number(value.toPrecision(digits)));
  return text.replace("-", "\u2212");
}

function fixed(value, digits) {
  return value.toFixed(digits).replace("-", "\u2212");
}

function gev(value) {
  return Number.isFinite(value) ? `${number(value, 4)} GeV` : "not known";
}

export function describe(payload, event, { kind, index }) {
  if (kind === "crops") return describeCrop(payload, event.crops[index]);
  const table = event.table(kind);
  const at = (column) => table[column]?.[index];
  if (table.energy && event.cells[kind]) return describeCell(kind, at);
  const lines = [];
  if (at("pt") !== undefined) lines.push(["pT", gev(at("pt"))]);
  if (at("eta") !== undefined) lines.push(["η, φ", `${fixed(at("eta"), 3)}, ${fixed(at("phi"), 3)}`]);
  if (["tracks", "electrons"].includes(kind)) lines.push(["charge", number(at("charge"))]);
  if (kind === "tracks" && Number.isFinite(at("is_high_purity"))) {
    lines.push(["high purity", at("is_high_purity") > 0 ? "yes" : "no"]);
  }
  if (kind === "photons") lines.push(["energy", gev(at("energy"))], ["5 × 5 crystals", gev(at("e5x5"))]);
  if (kind === "truth") lines.push(["mass", gev(at("mass"))]);
  if (kind === "tracker_hits") lines.push(["layer", payload.detector.tracker_layers[at("layer")] ?? number(at("layer"))]);
  if (["tracker_hits", "vertices"].includes(kind)) {
    lines.push(["x, y, z", `${["x_cm", "y_cm", "z_cm"].map((name) => fixed(at(name), 2)).join(", ")} cm`]);
  }
  return { title: kind === "truth" ? `true ${particle(at("pdg_id"))}` : SINGULAR[kind], lines };
}

function particle(pdgId) {
  const name = PARTICLES[Math.abs(pdgId)];
  return name ? `${name} (PDG ${pdgId})` : `particle, PDG ${pdgId}`;
}

function describeCell(kind, at) {
  const energy = at("energy");
  const lines = [
    ["energy", gev(energy)],
    ["ET", gev(energy / Math.cosh(at("eta")))],
    ["η, φ", `${fixed(at("eta"), 3)}, ${fixed(at("phi"), 3)}`],
  ];
  if (kind === "EE") lines.push(["ix, iy, side", `${at("ix")}, ${at("iy")}, ${at("side") > 0 ? "+" : "\u2212"}`]);
  else lines.push(["ieta, iphi", `${number(at("ieta"))}, ${at("iphi")}`]);
  if (at("time") !== undefined) lines.push(["time", `${fixed(at("time"), 1)} ns`]);
  if (at("depths") > 1) lines.push(["depths summed", String(at("depths"))]);
  return { title: `${TITLES[kind]}, ${at("depths") === undefined ? "crystal" : "tower"}`, lines };
}

function describeCrop(payload, crop) {
  const lines = [["pT", gev(crop.pt)], ["η, φ", `${fixed(crop.eta, 3)}, ${fixed(crop.phi, 3)}`]];
  for (const bundle of payload.bundles) {
    for (const answer of answersOf(bundle, crop)) lines.push([answer.bundle, answer.text]);
  }
  if (crop.source !== "jet") lines.push(["energy from others", crop.share_outside === null ? "not known" : `${fixed(100 * crop.share_outside, 0)} %`]);
  return { title: cropTitle(crop), lines };
}

export function cropTitle(crop) {
  const also = crop.matches_electron ? " (also an electron)" : "";
  return `${crop.source}${also}, ${crop.window.size.join(" × ")} pixels`;
}

// One entry for each output that is no end of an interval: {bundle, text, meaning}, and of a probability `share`, the bar
// to draw. Flags speak only where they are set.
export function answersOf(bundle, crop) {
  const given = crop.answers[bundle.name];
  if (given === undefined) return [];
  const names = bundle.outputs.map((output) => output.name);
  const isEnd = (name) => /_(lower|upper)$/.test(name) && names.includes(name.replace(/_(lower|upper)$/, ""));
  const entries = bundle.outputs.filter(({ name }) => !isEnd(name)).map((output) => ({
    bundle: bundle.name, meaning: `${bundle.title}: ${output.meaning}`, ...inWords(output, given),
  }));
  return entries.filter(({ text }) => text !== null).map((entry, i) => (i === 0 ? entry : { ...entry, bundle: "" }));
}

function inWords({ name, kind, unit }, given) {
  const value = given[name];
  const title = name.replaceAll("_", " ");
  if (kind === "flag") return { text: value === 1 ? title : null };
  if (value === null) return { text: `${title}: no number` };
  if (kind === "probability") return { text: `${title} ${fixed(value, 3)}`, share: value };
  const [lower, upper] = [given[`${name}_lower`], given[`${name}_upper`]];
  const interval = Number.isFinite(lower) && Number.isFinite(upper) ? ` (${number(lower)} to ${number(upper)})` : "";
  return { text: `${title} ${number(value)}${interval}${unit === "1" ? "" : ` ${unit}`}` };
}
