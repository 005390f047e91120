// Colours of both themes. The calorimeters have a ramp each over the logarithm of the energy: ECAL red, HCAL blue.

export const MIN_COLOUR_GEV = 0.1;

const THEMES = {
  dark: {
    background: "#0d1117", ink: "#dbe2ea", faint: "#8b97a5", line: "#39424e", outline: "#4a5665",
    ramps: { ecal: ["#5c1a22", "#c92f32", "#ff7a3d", "#ffe29a"], hcal: ["#173058", "#2366c4", "#4fb0ff", "#d6f1ff"] },
    objects: {
      tracks: "#d9bd4c", tracker_hits: "#97a3b3", vertices: "#ffffff", jets: "#b18cff", photons: "#5be37d",
      electrons: "#3fd6e0", taus: "#b6e04a", truth: "#ff9bd2", crops: "#b9c4d0",
    },
    accent: "#ff5ac8",
  },
  light: {
    background: "#ffffff", ink: "#1c2430", faint: "#5d6875", line: "#d3d9e0", outline: "#aeb8c4",
    ramps: { ecal: ["#f5c9b8", "#ee7d55", "#d02a27", "#6d0a1c"], hcal: ["#bcd9f2", "#5aa2dc", "#1f66b4", "#0b2a5c"] },
    objects: {
      tracks: "#a98200", tracker_hits: "#7c8794", vertices: "#11161d", jets: "#7a4fd0", photons: "#128a3e",
      electrons: "#00808c", taus: "#5d7f00", truth: "#c02c86", crops: "#56616d",
    },
    accent: "#d6008f",
  },
};

export function themeOf(name) {
  return THEMES[name];
}

function channels(hex) {
  return [1, 3, 5].map((place) => parseInt(hex.slice(place, place + 2), 16));
}

// [red, green, blue], 0 to 255, at a place between 0 and 1.
export function rampAt(ramp, place) {
  const along = Math.min(Math.max(place, 0), 1) * (ramp.length - 1);
  const step = Math.min(Math.floor(along), ramp.length - 2);
  const [low, high] = [channels(ramp[step]), channels(ramp[step + 1])];
  return low.map((value, i) => value + (high[i] - value) * (along - step));
}

// Place of an energy on the ramp.
export function placeOf(energy, maxEnergy) {
  return Math.log(energy / MIN_COLOUR_GEV) / Math.log(maxEnergy / MIN_COLOUR_GEV);
}

export function cssColour([red, green, blue]) {
  return `rgb(${Math.round(red)} ${Math.round(green)} ${Math.round(blue)})`;
}
