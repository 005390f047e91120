// Cases by hand, without Python; the comparison with the NumPy specification is in tests/parity.
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <tuple>
#include <vector>

#include "e2e/crop.h"
#include "e2e/frame_builder.h"
#include "e2e/nearest_nodes.h"
#include "e2e/packing.h"
#include "e2e/pixel_graph.h"
#include "e2e/pixel_runs.h"
#include "e2e/seed_finder.h"
#include "expect.h"

using namespace e2e;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct Event {
  std::vector<std::uint32_t> detid;
  std::vector<float> energy, time;

  void add(std::uint32_t id, float e, float t = 0) {
    detid.push_back(id);
    energy.push_back(e);
    time.push_back(t);
  }
  Hits hits() const { return {detid.data(), energy.data(), time.data(), detid.size()}; }
};

std::uint32_t barrel(int row, int column) { return pack(BarrelCrystal{row < 85 ? row - 85 : row - 84, column + 1}); }

SparseFrame barrelFrame(const Event& event, HitCounts* counts = nullptr) {
  BarrelFrameBuilder builder;
  SparseFrame frame{};
  HitCounts ignored;
  builder.build(event.hits(), frame, counts ? *counts : ignored);
  return frame;
}

void testIds() {
  static_assert(barrelRow(-85) == 0 && barrelRow(-1) == 84 && barrelRow(1) == 85 && barrelRow(85) == 169);
  static_assert(isValid<Subdetector::EB>(pack(BarrelCrystal{-85, 360})));
  static_assert(!isValid<Subdetector::EB>(pack(BarrelCrystal{86, 1})) && !isValid<Subdetector::EB>(0));
  static_assert(!isValid<Subdetector::EE>(pack(EndcapCrystal{1, 1, 1})));  // a corner, outside the disc
  constexpr std::uint32_t kStrip = pack(PreshowerStrip{32, 1, 40, 2, -1});
  static_assert(isValid<Subdetector::ES>(kStrip) && !isValid<Subdetector::ES>(kStrip | 1u << 20));
  static_assert(!isValid<Subdetector::ES>(kStrip | 1u << 24) && !isValid<Subdetector::ES>(kStrip + 1));
  int crystals = 0;
  for (int ix = 1; ix <= 100; ++ix)
    for (int iy = 1; iy <= 100; ++iy)
      crystals += endcapExists(ix, iy);
  EXPECT(crystals == 7324);
}

void testNeighbours() {
  static_assert(neighbours(kHcalGrid, 0)[2] == -1 && neighbours(kHcalGrid, 0)[3] == 71);
  const int last = kBarrelGrid.numPixels() - 1;
  EXPECT((neighbours(kBarrelGrid, last) ==
          std::array<std::int32_t, 8>{last - 361, last - 360, last - 719, last - 1, last - 359, -1, -1, -1}));
}

void testScreen() {
  Event event;
  event.add(barrel(10, 5), 2, kNan);
  event.add(barrel(10, 5), 2);
  event.add(barrel(10, 5), 3);
  event.add(barrel(3, 359), -1);
  event.add(barrel(3, 359), 9);
  event.add(barrel(4, 0), kNan);
  event.add(barrel(4, 0), 2e4f);
  event.add(12345, 1);
  event.add(barrel(3, 0), 1, 7);
  HitCounts counts;
  const SparseFrame frame = barrelFrame(event, &counts);
  EXPECT(counts.undecodable == 1 && counts.badEnergy == 2 && counts.badTime == 1);
  EXPECT(counts.duplicates == 1 && counts.conflicts == 2);
  EXPECT((frame.pixel == std::vector<std::int32_t>{3 * 360, 10 * 360 + 5}));
  EXPECT((frame.energy == std::vector<float>{1, 2}) && (frame.time == std::vector<float>{7, 0}));
}

void testSeeds() {
  Event event;
  event.add(barrel(80, 359), 5);
  event.add(barrel(80, 1), 5);
  event.add(barrel(0, 100), 9);
  const SparseFrame frame = barrelFrame(event);
  const auto near = SeedFinder::highestNear(frame, 81, 0, 1, 1, 1);
  EXPECT(near && near->row == 80 && near->column == 1);  // of equals the lower index
  EXPECT(!SeedFinder::highestNear(frame, 81, 0, 1, 1, 5.1f) && !SeedFinder::highestNear(frame, 40, 40, 3, 3, 0));
  EXPECT(SeedFinder::leading(frame, 1)->column == 100 && !SeedFinder::leading(frame, 10));
  SeedFinder finder;
  EXPECT(finder.isolatedMaxima(frame, 1, 1).size() == 3);
  const std::vector<Seed>& apart = finder.isolatedMaxima(frame, 1, 2);
  EXPECT(apart.size() == 2 && apart[0].energy == 9 && apart[1].column == 1);
}

void testCrop() {
  Event event;
  event.add(barrel(0, 359), 1, 0);
  event.add(barrel(0, 0), 2, -3);
  event.add(barrel(169, 0), 4, 1);
  FrameSpec spec;
  spec.channels = {Channel::kEcalTime, Channel::kEcalEnergy};
  std::vector<std::int32_t> index;
  std::vector<float> value;
  Cropper{}.cut(barrelFrame(event), spec, 0, 0, index, value);
  const int seed = 15 * 32 + 15;
  EXPECT((index == std::vector<std::int32_t>{seed, 1024 + seed - 1, 1024 + seed}));
  EXPECT((value == std::vector<float>{-3, 1, 2}));
}

void testCropOfManyChannels() {
  const std::vector<std::int32_t> tracks{0, 140 * 360 + 359}, tower{28 * 72 + 70};  // under columns 0 to 4
  const std::vector<float> pt{1, 2}, d0{0, -3}, energy{50};
  const std::vector<ChannelView> channels{{kStitchedGrid, tracks.data(), pt.data(), 2},
                                          {kStitchedGrid, tracks.data(), d0.data(), 2},
                                          {kHcalGrid, tower.data(), energy.data(), 1},
                                          {kStitchedGrid, nullptr, nullptr, 0}};
  FrameSpec spec;
  std::tie(spec.rows, spec.columns, spec.centreRow, spec.centreColumn) = std::tuple(2, 3, 0, 1);
  std::vector<std::int32_t> index;
  std::vector<float> value;
  Cropper cropper;
  cropper.cut(channels, spec, 140, 0, index, value);
  EXPECT((index == std::vector<std::int32_t>{0, 6, 13, 14, 16, 17}));
  EXPECT((value == std::vector<float>{2, -3, 2, 2, 2, 2}));
  index.clear();
  value.clear();
  std::tie(spec.rows, spec.columns, spec.centreRow, spec.centreColumn) = std::tuple(1, 360, 0, 0);
  cropper.cut({channels[2]}, spec, 144, 2, index, value);  // begins within the tower, and ends there
  EXPECT((index == std::vector<std::int32_t>{0, 1, 2, 358, 359}));
  cropper.cut(channels, spec, 279, 0, index, value);
  cropper.cut(std::vector<ChannelView>{}, spec, 0, 0, index, value);
  EXPECT(index.size() == 5 && value.size() == 5);
}

void testSumsAndLeaders() {
  const std::vector<std::int32_t> pixel{7, -1, 3, 7, kHcalGrid.numPixels(), 7};
  const std::vector<float> value{1, 9, kNan, 2, 9, 2};
  const ChannelView rows{kHcalGrid, pixel.data(), value.data(), pixel.size()};
  std::vector<std::int32_t> where;
  std::vector<std::int64_t> leader;
  PixelLeaders leaders(kHcalGrid);
  leaders.find(rows, where, leader);
  leaders.find(rows, where, leader);  // begins anew
  EXPECT((where == std::vector<std::int32_t>{7}) && (leader == std::vector<std::int64_t>{3}));  // the first of equals

  PixelAccumulator sums(kHcalGrid);
  SparseFrame frame{};
  sums.addAll({kHcalGrid, pixel.data() + 3, value.data() + 3, 3});
  sums.moveTo(frame);
  EXPECT((frame.pixel == std::vector<std::int32_t>{7}) && (frame.energy == std::vector<float>{4}));
}

void testHcal() {
  Event barrelHits, endcapHits;
  barrelHits.add(pack(Subdetector::HB, {1, 1, 1}), 1);
  barrelHits.add(pack(Subdetector::HB, {1, 1, 2}), 2);
  endcapHits.add(pack(Subdetector::HE, {-29, 72, 1}, false), 8);
  HcalFrameBuilder builder;
  SparseFrame frame{}, fine{};
  HitCounts counts;
  builder.build(barrelHits.hits(), endcapHits.hits(), frame, counts);
  EXPECT((frame.pixel == std::vector<std::int32_t>{0, 71, 28 * 72}) && (frame.energy == std::vector<float>{4, 4, 3}));
  upsampleHcal(frame, fine);
  EXPECT(fine.pixel.size() == 75 && std::is_sorted(fine.pixel.begin(), fine.pixel.end()));
  EXPECT(fine.pixel[0] == 5 && fine.pixel[5] == 10 && fine.energy[0] == 4.f / 25);
}

void testPacking() {
  const std::int64_t offsets[] = {0, 2, 2};
  const std::int32_t index[] = {3, 1023};
  const float value[] = {1, 2};
  EXPECT(packedWidth(offsets, 2) == 2 && packedWidth(offsets, 0) == 1);
  float packedIndex[4], packedValue[4];
  packPixels(offsets, index, value, 2, 2, packedIndex, packedValue);
  EXPECT(packedIndex[1] == 1023 && packedIndex[2] == kPaddingIndex && packedValue[1] == 2 && packedValue[3] == 0);
}

void testRuns() {
  std::vector<std::int32_t> index = {4, 5, 6, 7, 9};
  std::vector<float> value = {1, 1, 1, 1, 0.f};
  for (int i = 0; i < 300; ++i) {
    index.push_back(10 + i);
    value.push_back(-0.f);
  }
  const std::int64_t offsets[] = {0, 3, 3, 305};  // the second is empty, the third begins within a run
  const PixelRuns runs = findRuns(offsets, 3, index.data(), value.data());
  EXPECT((runs.numRuns == std::vector<std::int32_t>{1, 0, 4}));
  EXPECT((runs.step == std::vector<std::int32_t>{4, 7, 2, 1, 255}));
  EXPECT((runs.length == std::vector<std::uint8_t>{3, 1, 1, 255, 45}));
  EXPECT(runs.value[0] == 1 && !std::signbit(runs.value[2]) && std::signbit(runs.value[3]));
}

void testDense() {
  const std::size_t numPixels = 5000, batch = 3 * (kClearedAtOnce / numPixels) + 1;  // the last block is not full
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> index;
  for (std::size_t i = 0; i < batch; ++i) {
    index.insert(index.end(), {static_cast<int>(i), 4999});
    offsets.push_back(index.size());
  }
  const std::vector<float> value(index.size(), 2);
  std::vector<float> images(batch * numPixels, kNan);
  fillDense(offsets.data(), index.data(), value.data(), batch, numPixels, images.data());
  for (std::size_t i = 0; i < images.size(); ++i) {
    const std::size_t pixel = i % numPixels;
    EXPECT(images[i] == (pixel == i / numPixels || pixel == 4999 ? 2 : 0));
  }
}

}  // namespace

/// Few nodes, which are all looked at, and many, which look around; places by hand.
void testGraphs() {
  std::vector<std::int32_t> found(2 * 5);
  const std::array<std::int32_t, 5> place{0, 1, 9, 20, 22};  // rows of 10
  NearestNodes({3, 10, false}, 2)(place.data(), place.size(), found.data());
  EXPECT((found == std::vector<std::int32_t>{1, 3, 0, 3, 4, 1, 0, 4, 3, 1}));
  NearestNodes({3, 10, true}, 2)(place.data(), place.size(), found.data());
  EXPECT((found == std::vector<std::int32_t>{1, 2, 0, 2, 0, 1, 0, 4, 3, 1}));

  std::vector<std::int32_t> all(20 * 20);
  std::iota(all.begin(), all.end(), 0);
  found.resize(4 * all.size());
  NearestNodes({20, 20, false}, 4)(all.data(), all.size(), found.data());
  EXPECT(std::equal(found.begin() + 4 * 210, found.begin() + 4 * 211, std::array{190, 209, 211, 230}.begin()));
  EXPECT(std::equal(found.begin(), found.begin() + 4, std::array{1, 20, 21, 2}.begin()));
  NearestNodes({20, 20, true}, 4, 1)(all.data(), all.size(), found.data());
  EXPECT(std::equal(found.begin(), found.begin() + 4, std::array{1, 19, 20, NearestNodes::kNone}.begin()));

  NodeFinder nodesOf({10, 10, 5, 5}, {false, true});
  const std::array<float, 6> index{-1, 55, 100 + 22, 100 + 23, 3, 55};
  EXPECT((nodesOf(index.data(), index.size()) == std::vector<std::int32_t>{3, 22, 55}));
  NodeFinder nearSeed({10, 10, 5, 5}, {false, true}, 4);  // (2, 2) is 18 squares away, (0, 3) 29
  EXPECT((nearSeed(index.data(), index.size()) == std::vector<std::int32_t>{55}));
  NodeFinder lessNear({10, 10, 5, 5}, {false, true}, 5);
  EXPECT((lessNear(index.data(), index.size()) == std::vector<std::int32_t>{22, 55}));
}

int main() {
  testIds();
  testNeighbours();
  testScreen();
  testSeeds();
  testCrop();
  testCropOfManyChannels();
  testSumsAndLeaders();
  testHcal();
  testPacking();
  testRuns();
  testDense();
  testGraphs();
  std::puts("core: all tests passed");
}
