// Tracks, tracker hits, particles and jets by hand; the comparison with the NumPy specification is in tests/parity.
#include <cmath>
#include <limits>
#include <vector>

#include "e2e/jet_seeds.h"
#include "e2e/object_seeds.h"
#include "e2e/tracking.h"
#include "expect.h"

using namespace e2e;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInfinity = std::numeric_limits<double>::infinity();

bool isNear(double a, double b) { return std::abs(a - b) < 1e-9; }

Track fromOrigin(double eta, double phi, double bend = 0) { return {0, 0, 0, eta, phi, bend}; }

int stitchedAt(double eta, double phi) { return stitchedPixel(Position{eta, phi}); }

void testHelix() {
  EXPECT(bendOf(0, 1) == 0 && bendOf(kNan, 1) == 0 && bendOf(0, 0) == 0 && std::isfinite(bendOf(kInfinity, 1)));
  EXPECT(std::abs(1 / bendOf(1, 1) + 87.78) < 0.01 && std::isinf(bendOf(-1, 0)));
  for (const double eta : {-2.9, -1.5, -1.4, 0.0, 1.4, 1.5, 2.9}) {
    const Position impact = toEcal(fromOrigin(eta, 0.3));
    EXPECT(isNear(impact.eta, eta) && isNear(impact.phi, 0.3) && isNear(toBarrel(fromOrigin(eta, 0.3)).eta, eta));
  }
  const double turned = std::asin(129 / 2. / 87.78002505214528 / 10);  // of a positive charge towards smaller phi
  EXPECT(isNear(toBarrel(fromOrigin(0, 0.5, bendOf(1, 10))).phi, 0.5 - turned));
  EXPECT(std::isnan(toBarrel(fromOrigin(0, 0, bendOf(1, 0.5))).phi));  // curls up
  EXPECT(std::isnan(toEcal(fromOrigin(0.5, 0, bendOf(1, 0.3))).phi));  // after too many turns
  EXPECT(std::isfinite(toEcal(fromOrigin(2.9, 0, bendOf(1, 0.1))).phi));
  for (const double odd : {kNan, kInfinity, -kInfinity}) {
    EXPECT(std::isnan(toEcal(fromOrigin(odd, 0)).eta) && std::isnan(toEcal(fromOrigin(0, odd)).phi));
    EXPECT(std::isnan(toEcal({odd, 0, 0, 0, 0, 0}).phi) && std::isnan(toBarrel(fromOrigin(0, 0, odd)).phi));
  }
}

void testPlaces() {
  EXPECT(phiColumn(0) == 10 && phiColumn(-10.001 * kPi / 180) == 359 && phiColumn(-9.999 * kPi / 180) == 0);
  EXPECT(phiColumn(kPi) == 190 && phiColumn(kNan) == 0 && phiColumn(-1e308) == 0);
  for (const double huge : {1e9, -1e9, 1e300, -1e300})
    EXPECT(0 <= phiColumn(huge) && phiColumn(huge) < 360);
  EXPECT(nearestRow(9, 0) == 169 && nearestRow(kInfinity, 7) == 169 && nearestRow(-kInfinity, 359) == 0);
  for (int row = 1; row < kBarrelGrid.rows; ++row) {
    const double edge = (kBarrelEta[row][3] + kBarrelEta[row - 1][3]) / 2;
    EXPECT(nearestRow(edge, 23) == row - 1 && nearestRow(std::nextafter(edge, 9), 23) == row);
  }
  for (int ieta = -85; ieta <= 85; ++ieta)
    for (int iphi = 1; iphi <= 360 && ieta != 0; ++iphi) {
      const Position where = position(BarrelCrystal{ieta, iphi});
      EXPECT(stitchedPixel(where) == stitchedPixel(BarrelCrystal{ieta, iphi}));
      const auto expected = barrelPixel(fromOrigin(where.eta, where.phi));
      EXPECT(expected && expected->row == barrelRow(ieta) && expected->column == iphi - 1);
    }
  EXPECT(stitchedAt(1.479, 0) / 360 == 225 && stitchedAt(-1.479, 0) / 360 == 54);
  EXPECT(stitchedAt(2.999, 0) / 360 == 279 && stitchedAt(-2.999, 0) / 360 == 0);
  EXPECT(stitchedAt(3, 0) == kNowhere && stitchedAt(kNan, 0) == kNowhere && stitchedAt(0, kInfinity) == kNowhere);

  const auto shifted = barrelPixel({kNan, kNan, 12.9, 0, 0, 0});  // eta 0.1 at the front
  EXPECT(shifted && shifted->row == 90 && shifted->column == 10);
  EXPECT(!barrelPixel({kInfinity, 0, 0, 0, 0, 0}) && !barrelPixel({0, 0, -kInfinity, 0, 0, 0}));
  EXPECT(!barrelPixel(fromOrigin(1.6, 0)) && !barrelPixel(fromOrigin(kNan, 0)) && !barrelPixel(fromOrigin(0, kNan)));
}

void testTowers() {
  const auto at = [](double eta, double phi, int row, int column) {
    const Pixel tower = towerAt(eta, phi);
    return tower.row == row && tower.column == column;
  };
  EXPECT(at(0, 0, 28, 0) && at(-0.001, -0.001, 27, 71) && at(9, 2 * kPi, 55, 0) && at(-9, 1e-300, 0, 0));
  EXPECT(at(0.087, -1e-300, 29, 0));  // a turn less next to nothing is a turn
  EXPECT(at(kNan, kNan, 0, 0) && at(kInfinity, kInfinity, 55, 0));
  static_assert(towerMiddle({0, 70}).row == 2 && towerMiddle({0, 70}).column == 2 && towerMiddle({55, 0}).row == 277);
}

/// Rows of tracks and tracker hits, as values side by side.
struct Rows {
  std::vector<std::vector<float>> columns;

  explicit Rows(std::size_t numColumns) : columns(numColumns) {}

  void add(const std::vector<double>& row) {
    EXPECT(row.size() == columns.size());
    for (std::size_t i = 0; i < row.size(); ++i)
      columns[i].push_back(static_cast<float>(row[i]));
  }
  const float* operator[](std::size_t i) const { return columns[i].data(); }

  TrackColumns tracks() const {
    const Rows& c = *this;
    return {c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9], columns[0].size()};
  }
  LayerHits hits() const {
    const Rows& c = *this;
    return {c[0], c[1], c[2], c[3], columns[0].size()};
  }
};

void testTracks() {
  const double eta = 0.01, phi = 0.5;
  Rows rows(10);
  rows.add({10, eta, phi, 0, 0, 0.02, 0.01, 0.5, 0, 1});
  rows.add({9, eta, phi, kNan, 0, 0, -0.02, kNan, 0.01, kNan});  // purity and charge not known
  rows.add({10, eta, phi, 0, 0, 0, 0.01, 1, 1, 0});              // not of high purity
  rows.add({10, eta, phi, 0, 0, 0, 0.1, 1, 1, 1});               // 0.1 as a float is more than 0.1 cm
  rows.add({10, 3, phi, 0, 0, 0, 0, 1, 1, 1});
  rows.add({10, eta, kInfinity, 0, 0, 0, 0, 1, 1, 1});
  rows.add({0.5, eta, phi, 1, 0, 0, 0, 1, 1, 1});  // curls up
  for (const double pt : {0., -1., 2e4, kNan, kInfinity})
    rows.add({pt, eta, phi, 0, 0, 0, 0, 1, 1, 1});
  TrackPixels found;
  for (int again = 0; again < 2; ++again)
    trackPixels(rows.tracks(), {kNan, -kInfinity, kNan}, found);  // begins anew
  const int pixel = 140 * 360 + 38;
  EXPECT((found.pixel == std::vector<std::int32_t>{pixel, pixel}) && (found.pt == std::vector<float>{10, 9}));
  EXPECT(std::abs(found.d0[0] - 0.02 * std::cos(phi)) < 1e-7 && found.d0[1] == 0);
  EXPECT(std::abs(found.d0Significance[0] - found.d0[0] / 0.5f) < 1e-7 && found.d0Significance[1] == 0);
  EXPECT(found.dzSignificance[0] == 0 && std::abs(found.dz[1] + 0.02f) < 1e-7);
  EXPECT(std::abs(found.dzSignificance[1] + 2) < 1e-5);

  trackPixels(rows.tracks(), {0, 0, 0.055}, found);
  EXPECT(found.pixel.size() == 3);  // with the vertex elsewhere the fourth is near
  trackPixels(TrackColumns{}, {}, found);
  EXPECT(found.pixel.empty() && found.dzSignificance.empty());
}

void testLayers() {
  Rows rows(4);
  rows.add({1, 1, 3, 5.01});  // straight up
  rows.add({2, 1, 3, 5.01});
  rows.add({1, 1, 0, 5});  // the vertex itself has no direction
  rows.add({1, 1, 0, 6});  // along the beam
  rows.add({kNan, 1, 3, 5.01});
  rows.add({1, kNan, 3, 5.01});
  std::vector<std::int32_t> pixel{7};
  layerPixels(rows.hits(), 1, {1, 0, 5}, pixel);
  EXPECT((pixel == std::vector<std::int32_t>{140 * 360 + 100, kNowhere, kNowhere, kNowhere}));
  layerPixels(rows.hits(), 3, {}, pixel);
  EXPECT(pixel.empty());
}

void testSeeds() {
  const SparseFrame towers{kHcalGrid, {28 * 72, 31 * 72 + 69, 32 * 72 + 68}, {1, 5, 50}, {}};
  FrameSpec spec;
  spec.rows = spec.columns = kJetCropSize;
  spec.centreRow = spec.centreColumn = kJetCropCentre;
  const auto near = jetSeed(towers, 0.01, 0.01, spec);  // the highest within three, across the seam
  EXPECT(near && near->row == 31 * 5 + 2 && near->column == 71 * 5 + 2 && near->energy == 5);
  const auto empty = jetSeed(towers, 0.01, 1, spec);
  EXPECT(empty && empty->row == 142 && empty->column == 67 && empty->energy == 0);
  EXPECT(jetSeed(towers, 1.38, 0, spec) && !jetSeed(towers, 1.40, 0, spec) && !jetSeed(towers, -1.40, 0, spec));
  EXPECT(!jetSeed(towers, kNan, 0, spec) && !jetSeed(towers, 0, kInfinity, spec));

  const SparseFrame crystals{kBarrelGrid, {85 * 360 + 2, 88 * 360 + 10}, {2, 9}, {0, 0}};
  const auto seed = objectSeed(crystals, fromOrigin(0.009, 0.01));
  EXPECT(seed && seed->row == 85 && seed->column == 2 && seed->energy == 2);
  EXPECT(!objectSeed(crystals, fromOrigin(0.009, 0.04)) && !objectSeed(crystals, fromOrigin(2, 0)));
}

}  // namespace

int main() {
  testHelix();
  testPlaces();
  testTowers();
  testTracks();
  testLayers();
  testSeeds();
  std::puts("tracking: all tests passed");
}
