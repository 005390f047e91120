#ifndef e2e_jet_seeds_h
#define e2e_jet_seeds_h
// Seeds of jets on the stitched grid. Mirrors `seeds_of_jets` in src/e2e/frames/reference_seeds.py.
#include <cmath>
#include <optional>

#include "crop.h"
#include "places.h"
#include "seed_finder.h"

namespace e2e {

/// The highest tower within 7 x 7 of the one that the jet axis (radian) points at, or without energy there that one:
/// the middle of its 5 x 5 pixels on the stitched grid, with its energy (0 without).
/// None where the axis is not finite, or the window of `spec` leaves the stitched grid in eta. towers: energies on the
/// HCAL grid. Source: cms-e2e/RecoE2E JetFrameProducer.
inline std::optional<Seed> jetSeed(const ChannelView& towers, double eta, double phi, const FrameSpec& spec) {
  if (!std::isfinite(eta) || !std::isfinite(phi))
    return std::nullopt;
  Pixel tower = towerAt(eta, phi);
  float energy = 0;
  constexpr int kHalf = kJetSeedHalfTowers;
  if (const auto highest = SeedFinder::highestNear(towers, tower.row, tower.column, kHalf, kHalf, 0)) {
    tower = {highest->row, highest->column};
    energy = highest->energy;
  }
  const Pixel middle = towerMiddle(tower);
  const int firstRow = middle.row - spec.centreRow;
  if (firstRow < 0 || firstRow + spec.rows > kStitchedGrid.rows)
    return std::nullopt;
  return Seed{middle.row, middle.column, energy};
}

inline std::optional<Seed> jetSeed(const SparseFrame& hcal, double eta, double phi, const FrameSpec& spec) {
  return jetSeed(energyOf(hcal), eta, phi, spec);
}

}  // namespace e2e

#endif
