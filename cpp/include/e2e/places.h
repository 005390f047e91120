#ifndef e2e_places_h
#define e2e_places_h
// Directions and particles -> pixels of the grids. Mirrors src/e2e/frames/places.py.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>

#include "helix.h"

namespace e2e {

/// Zero-based row (eta) and column (phi).
struct Pixel {
  int row, column;
};

inline constexpr int kNowhere = -1;  // flat pixel of what lies on no pixel

/// ECAL column that contains this azimuth (radian); 0 where it is not finite.
inline int phiColumn(double phi) {
  const double column = std::fmod(std::floor(phi * (180 / kPi) + 10), kBarrelGrid.columns);
  if (std::isnan(column))
    return 0;
  return static_cast<int>(column < 0 ? column + kBarrelGrid.columns : column);
}

/// Barrel row whose front face, in that column, is nearest in eta; beyond the barrel its last row.
inline int nearestRow(double eta, int column) {
  constexpr int kRows = kBarrelGrid.rows, kHalf = kRows / 2;
  const int place = column % kColumnsPerSupermodule;
  const auto edge = [place](int row) { return (kBarrelEta[row][place] + kBarrelEta[row - 1][place]) / 2; };
  const double position = eta * (kHalf / kBarrelMaxEta) + kHalf;
  const int guess = position > 0 ? static_cast<int>(std::min<double>(position, kRows - 1)) : 0;  // 0 for NaN
  const bool isAbove = guess + 1 < kRows && eta > edge(guess + 1), isBelow = guess > 0 && eta <= edge(guess);
  return guess + isAbove - isBelow;  // the guess is right to one row
}

/// Flat pixel of the stitched grid, `kNowhere` outside |eta| < 3 and for NaN: the barrel by its nearest crystal, the
/// endcaps by the edges of their rows.
inline int stitchedPixel(Position where) {
  const double size = std::abs(where.eta);
  if (!(size < kTrackMaxEta) || !std::isfinite(where.phi))
    return kNowhere;
  const int column = phiColumn(where.phi);
  int row;
  if (size < kBarrelMaxEta) {
    row = nearestRow(where.eta, column) + kEndcapRows;
  } else {
    const auto* above = std::upper_bound(std::begin(kEndcapRowEdges), std::end(kEndcapRowEdges), size);
    const int step = static_cast<int>(above - std::begin(kEndcapRowEdges)) - 1;
    row = where.eta > 0 ? kStitchedGrid.rows - kEndcapRows + step : kEndcapRows - 1 - step;
  }
  return row * kStitchedGrid.columns + column;
}

/// Barrel pixel under a particle's impact, where there is one. A coordinate that is not known (NaN) is taken as 0.
inline std::optional<Pixel> barrelPixel(const Track& particle) {
  Track known = particle;
  for (double* coordinate : {&known.x, &known.y, &known.z})
    *coordinate = madeFinite(*coordinate);
  const Position impact = toBarrel(known);
  if (!std::isfinite(impact.phi) || !(std::abs(impact.eta) < kBarrelMaxEta))
    return std::nullopt;
  const int column = phiColumn(impact.phi);
  return Pixel{nearestRow(impact.eta, column), column};
}

/// Pixel of the HCAL grid in this direction (radian); beyond |eta| 3 the last row. Column 0 where phi is not finite.
inline Pixel towerAt(double eta, double phi) {
  const auto* above = std::upper_bound(std::begin(kTowerEdges), std::end(kTowerEdges), std::abs(eta));
  const int size = std::clamp(static_cast<int>(above - std::begin(kTowerEdges)), 1, kHcalMaxIeta);
  const double rest = std::fmod(phi, 2 * kPi), turned = rest < 0 ? rest + 2 * kPi : rest;
  const double column = std::floor(turned / (2 * kPi / kHcalGrid.columns));
  return {eta >= 0 ? kHcalMaxIeta - 1 + size : kHcalMaxIeta - size,
          std::isfinite(column) ? static_cast<int>(column) % kHcalGrid.columns : 0};
}

/// HCAL pixel -> the middle of its 5 x 5 on the stitched grid, whose phi axis begins two towers earlier.
constexpr Pixel towerMiddle(Pixel tower) {
  const int column = (tower.column + kHcalColumnShift) % kHcalGrid.columns;
  constexpr int kMiddle = kHcalUpsampling / 2;
  return {tower.row * kHcalUpsampling + kMiddle, column * kHcalUpsampling + kMiddle};
}

}  // namespace e2e

#endif
