#ifndef e2e_object_seeds_h
#define e2e_object_seeds_h
// Seeds of photons and electrons. Mirrors `seeds_of_objects` in src/e2e/frames/reference_seeds.py.
#include <optional>

#include "places.h"
#include "seed_finder.h"

namespace e2e {

/// The highest crystal near the point where the particle should enter the barrel; none where it does not, or where no
/// crystal is of `kSeedMinEnergyGev`. barrel: energies on the barrel grid.
inline std::optional<Seed> objectSeed(const ChannelView& barrel, const Track& particle) {
  const std::optional<Pixel> expected = barrelPixel(particle);
  if (!expected)
    return std::nullopt;
  return SeedFinder::highestNear(barrel, expected->row, expected->column, kSeedSearchHalfRows, kSeedSearchHalfColumns,
                                 kSeedMinEnergyGev);
}

inline std::optional<Seed> objectSeed(const SparseFrame& barrel, const Track& particle) {
  return objectSeed(energyOf(barrel), particle);
}

}  // namespace e2e

#endif
