// What the reader has chosen: collections, thresholds, lengths.

import { CELLS, COLLECTIONS, countAbove } from "./events.js";

// Sliders run over the logarithm; at the left end all is shown.
export const THRESHOLDS = [
  { name: "ecal", title: "ECAL crystals above", low: 0.01, high: 50, start: 0.3, unit: "GeV" },
  { name: "hcal", title: "HCAL towers above", low: 0.01, high: 50, start: 1, unit: "GeV" },
  { name: "tracks", title: "Tracks above pT", low: 0.05, high: 50, start: 0.7, unit: "GeV" },
  { name: "jets", title: "Jets and taus above pT", low: 1, high: 200, start: 20, unit: "GeV" },
];

export class Options {
  quantity = "et";
  isLogarithmic = false;
  visible = Object.fromEntries(COLLECTIONS.map(({ name, isHidden }) => [name, !isHidden]));
  thresholds = Object.fromEntries(THRESHOLDS.map(({ name, start }) => [name, start]));

  // Those of jets share the jets' threshold.
  isCropShown(crop) {
    return crop.source !== "jet" || crop.pt >= this.thresholds.jets;
  }

  // Of a collection: GeV.
  lowest(name) {
    const family = COLLECTIONS.find((one) => one.name === name).family;
    return this.thresholds[family] ?? this.thresholds[name === "taus" ? "jets" : name] ?? -Infinity;
  }

  // How many rows of a collection are switched on and above their threshold: the first ones, crops excepted.
  numShown(event, name) {
    const table = event.table(name);
    if (!this.visible[name] || !table?.count) return 0;
    if (name === "crops") return event.crops.filter((crop) => this.isCropShown(crop)).length;
    const column = CELLS.includes(name) ? table.energy : table.pt;
    return column ? countAbove(column, this.lowest(name)) : table.count;
  }
}
