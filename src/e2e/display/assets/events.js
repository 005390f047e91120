// The events of the page: columns are decoded when an event is looked at for the first time.

const ARRAYS = { f: Float32Array, i: Int32Array };

// In the order of the panel. family: which colours; cells of a calorimeter, or objects.
export const COLLECTIONS = [
  { name: "EB", title: "ECAL barrel", family: "ecal" },
  { name: "EE", title: "ECAL endcaps", family: "ecal" },
  { name: "HB", title: "HCAL barrel", family: "hcal" },
  { name: "HE", title: "HCAL endcaps", family: "hcal" },
  { name: "HO", title: "HCAL outer", family: "hcal", isHidden: true },
  { name: "HF", title: "HCAL forward", family: "hcal", isHidden: true },
  { name: "tracks", title: "tracks", family: "objects" },
  { name: "tracker_hits", title: "tracker hits", family: "objects" },
  { name: "vertices", title: "vertices", family: "objects" },
  { name: "jets", title: "jets", family: "objects" },
  { name: "taus", title: "taus", family: "objects", isHidden: true },
  { name: "photons", title: "photons", family: "objects" },
  { name: "electrons", title: "electrons", family: "objects" },
  { name: "truth", title: "true particles", family: "objects", isHidden: true },
  { name: "crops", title: "crops of networks", family: "objects" },
];
export const CELLS = COLLECTIONS.filter((one) => one.family !== "objects").map((one) => one.name);

export function readPayload() {
  const payload = JSON.parse(document.getElementById("payload").textContent);
  payload.events = payload.events.map((event) => new Event(event));
  return payload;
}

class Event {
  #tables = new Map();

  constructor(raw) {
    Object.assign(this, raw);
  }

  // Columns and `count`; null where the source does not say.
  table(name) {
    if (name === "crops") return { count: this.crops.length };
    if (!this.#tables.has(name)) {
      this.#tables.set(name, decodeTable(this.cells[name] ?? this.objects[name] ?? null));
    }
    return this.#tables.get(name);
  }

  count(name) {
    return this.table(name)?.count ?? 0;
  }

  get numCells() {
    return CELLS.reduce((sum, name) => sum + this.count(name), 0);
  }

  // Of cells, for the scales of length and colour.
  largest(valueOf, names = CELLS) {
    let found = 0;
    for (const name of names) {
      for (let i = 0; i < this.count(name); i++) found = Math.max(found, valueOf(this.table(name), i));
    }
    return found;
  }
}

function decodeTable(columns) {
  if (columns === null) return null;
  const table = {};
  for (const [name, column] of Object.entries(columns)) table[name] = decodeColumn(column);
  return { ...table, count: Object.values(table)[0]?.length ?? 0 };
}

function decodeColumn(column) {
  const [[kind, text]] = Object.entries(column);
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new ARRAYS[kind](bytes.buffer);
}

// How many rows of a column that falls are at least `low`.
export function countAbove(column, low) {
  let first = 0;
  let end = column.length;
  while (first < end) {
    const middle = (first + end) >> 1;
    if (column[middle] >= low) first = middle + 1;
    else end = middle;
  }
  return first;
}
