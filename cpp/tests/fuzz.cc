// Throw anything at the builders and assert what must hold of what comes out.
//   fuzz [--seconds S] [--seed N]
#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <vector>

#include "e2e/crop.h"
#include "e2e/frame_builder.h"
#include "e2e/packing.h"
#include "e2e/pixel_runs.h"
#include "e2e/seed_finder.h"
#include "expect.h"
#include "fuzz_graphs.h"
#include "fuzz_tracking.h"

using namespace e2e;
using namespace e2e::tests;

namespace {

struct Event {
  std::vector<std::uint32_t> detid;
  std::vector<float> energy, time;

  void draw(Random& random) {
    const std::size_t size = below(random, 10) == 0 ? 0 : below(random, 3000);
    detid.resize(size);
    energy.resize(size);
    time.resize(size);
    for (std::size_t i = 0; i < size; ++i) {
      detid[i] = i > 0 && below(random, 10) == 0 ? detid[below(random, i)] : drawId(random);
      energy[i] = drawNumber(random);
      time[i] = drawNumber(random);
    }
  }
  Hits hits() const { return {detid.data(), energy.data(), time.data(), detid.size()}; }
};

double sum(const SparseFrame& frame) {
  double total = 0;
  for (const float energy : frame.energy)
    total += energy;
  return total;
}

void checkFrame(const SparseFrame& frame, Grid grid, bool hasTime) {
  EXPECT(frame.energy.size() == frame.pixel.size() && frame.time.size() == (hasTime ? frame.pixel.size() : 0));
  for (std::size_t i = 0; i < frame.pixel.size(); ++i) {
    EXPECT(0 <= frame.pixel[i] && frame.pixel[i] < grid.numPixels() && (i == 0 || frame.pixel[i - 1] < frame.pixel[i]));
    EXPECT(frame.energy[i] > 0 && std::isfinite(frame.energy[i]) && (!hasTime || std::isfinite(frame.time[i])));
  }
}

void checkCounts(const HitCounts& counts, std::size_t hits) {
  const int dropped = counts.undecodable + counts.badEnergy + counts.duplicates + counts.conflicts;
  EXPECT(0 <= dropped && dropped + counts.badTime <= static_cast<int>(hits));
}

class Fuzzer {
public:
  explicit Fuzzer(unsigned seed) : random_(seed) {}

  std::size_t runOne() {
    first_.draw(random_);
    second_.draw(random_);
    const Hits a = first_.hits(), b = second_.hits();

    HitCounts counts, both, towers;
    barrel_.build(a, frame_, counts);
    checkCounts(counts, a.size);
    checkFrame(frame_, kBarrelGrid, true);
    stitched_.build(a, b, other_, both);
    checkCounts(both, a.size + b.size);
    checkFrame(other_, kStitchedGrid, false);
    hcal_.build(a, b, towerFrame_, towers);
    checkFrame(towerFrame_, kHcalGrid, false);
    upsampleHcal(towerFrame_, fine_);
    checkFrame(fine_, kStitchedGrid, false);
    EXPECT(std::abs(sum(fine_) - sum(towerFrame_)) <= 1e-5 * sum(towerFrame_) + 1e-36);  // denormals vanish

    checkSeedsAndCrop();
    checkChannels();
    tracking_.checkTracks(random_);
    tracking_.checkLayers(random_);
    checkObjectSeed(random_, frame_);
    checkJetSeed(random_, towerFrame_);
    if (below(random_, 10) == 0)
      fuzzGraphs(random_);
    return a.size + b.size;
  }

private:
  void checkSeedsAndCrop() {
    const int row = below(random_, kBarrelGrid.rows), column = below(random_, kBarrelGrid.columns);
    const int halfWidth = below(random_, 4) == 0 ? below(random_, 180) : below(random_, 8);
    const int halfRows = below(random_, kBarrelGrid.rows);
    const float minEnergy = drawNumber(random_);
    if (const auto seed = SeedFinder::highestNear(frame_, row, column, halfRows, halfWidth, minEnergy)) {
      const int apart = std::abs(seed->column - column);
      EXPECT(std::abs(seed->row - row) <= halfRows && std::min(apart, 360 - apart) <= halfWidth);
      EXPECT(seed->energy >= minEnergy);
    }
    const auto leading = SeedFinder::leading(frame_, minEnergy);
    const std::vector<Seed>& maxima = finder_.isolatedMaxima(frame_, minEnergy, halfWidth);
    EXPECT(leading.has_value() == !maxima.empty());
    EXPECT(!leading || (leading->row == maxima[0].row && leading->column == maxima[0].column));

    FrameSpec spec;
    spec.rows = 1 + below(random_, kBarrelGrid.rows);
    spec.columns = 1 + below(random_, kBarrelGrid.columns);
    spec.centreRow = below(random_, spec.rows);
    spec.centreColumn = below(random_, spec.columns);
    spec.channels = {Channel::kEcalTime, Channel::kEcalEnergy};
    index_.clear();
    value_.clear();
    cropper_.cut(frame_, spec, row, column, index_, value_);
    EXPECT(index_.size() == value_.size() && index_.size() <= 2 * frame_.pixel.size());
    for (std::size_t i = 0; i < index_.size(); ++i)
      EXPECT(0 <= index_[i] && index_[i] < spec.numPixels() && (i == 0 || index_[i - 1] < index_[i]) && value_[i] != 0);

    const std::int64_t offsets[] = {0, static_cast<std::int64_t>(index_.size())};
    const std::int64_t width = packedWidth(offsets, 1);
    std::vector<float> packedIndex(width), packedValue(width), image(spec.numPixels());
    packPixels(offsets, index_.data(), value_.data(), 1, width, packedIndex.data(), packedValue.data());
    fillDense(offsets, index_.data(), value_.data(), 1, image.size(), image.data());
    for (std::size_t i = 0; i < index_.size(); ++i)
      EXPECT(packedIndex[i] == index_[i] && image[index_[i]] == packedValue[i]);
    checkRuns(offsets);
  }

  /// Spread again they are the pixels.
  void checkRuns(const std::int64_t* offsets) {
    const PixelRuns runs = findRuns(offsets, 1, index_.data(), value_.data());
    std::size_t pixel = 0;
    std::int32_t first = 0;
    for (std::size_t run = 0; run < runs.step.size(); ++run) {
      first += runs.step[run];
      EXPECT(runs.length[run] > 0 && pixel + runs.length[run] <= index_.size());
      for (int i = 0; i < runs.length[run]; ++i, ++pixel)
        EXPECT(index_[pixel] == first + i && value_[pixel] == runs.value[run]);
    }
    EXPECT(pixel == index_.size() && runs.numRuns.size() == 1 && runs.numRuns[0] == static_cast<int>(runs.step.size()));
  }

  /// Rows of any pixel and any value, summed and led by the highest; then everything cut around one seed.
  void checkChannels() {
    const std::size_t size = below(random_, 10) == 0 ? 0 : below(random_, 500);
    std::vector<std::int32_t> pixel(size);
    std::vector<float> weight(size), finite(size);
    for (std::size_t i = 0; i < size; ++i) {
      const int kind = below(random_, 8);
      const int limit = kind < 4 ? 50 : kStitchedGrid.numPixels();
      pixel[i] = kind == 0 ? static_cast<std::int32_t>(random_()) : below(random_, limit);
      weight[i] = drawNumber(random_);
      finite[i] = std::isfinite(weight[i]) && std::abs(weight[i]) < 1e30f ? weight[i] : 1;
    }
    leaders_.find({kStitchedGrid, pixel.data(), weight.data(), size}, ledPixel_, leader_);
    EXPECT(ledPixel_.size() == leader_.size() && leader_.size() <= size);
    std::vector<float> led(leader_.size());
    for (std::size_t i = 0; i < leader_.size(); ++i) {
      EXPECT(0 <= leader_[i] && leader_[i] < static_cast<std::int64_t>(size) && pixel[leader_[i]] == ledPixel_[i]);
      EXPECT(ledPixel_[i] < kStitchedGrid.numPixels() && (i == 0 || ledPixel_[i - 1] < ledPixel_[i]));
      led[i] = finite[leader_[i]];
    }
    for (std::size_t i = 0; i < size; ++i) {
      const auto at = std::lower_bound(ledPixel_.begin(), ledPixel_.end(), pixel[i]);
      if (at != ledPixel_.end() && *at == pixel[i])
        EXPECT(!(weight[i] > weight[leader_[at - ledPixel_.begin()]]));
    }
    pixels_.addAll({kStitchedGrid, pixel.data(), finite.data(), size});
    pixels_.moveTo(sums_);

    FrameSpec spec;
    spec.rows = 1 + below(random_, kStitchedGrid.rows);
    spec.columns = below(random_, 3) == 0 ? 350 + below(random_, 11) : 1 + below(random_, kStitchedGrid.columns);
    spec.centreRow = below(random_, spec.rows);
    spec.centreColumn = below(random_, spec.columns);
    spec.channels.resize(6);  // how many there are is all that counts here
    const ChannelView leaders{kStitchedGrid, ledPixel_.data(), led.data(), led.size()};
    const std::vector<ChannelView> channels{energyOf(sums_),  leaders, leaders, energyOf(towerFrame_),
                                            energyOf(other_), energyOf(fine_)};
    index_.assign(1, -7);  // what was there stays
    value_.assign(1, 7);
    const int row = below(random_, kStitchedGrid.rows), column = below(random_, kStitchedGrid.columns);
    cropper_.cut(channels, spec, row, column, index_, value_);
    EXPECT(index_.size() == value_.size() && index_[0] == -7 && value_[0] == 7);
    for (std::size_t i = 1; i < index_.size(); ++i)
      EXPECT(0 <= index_[i] && index_[i] < spec.numPixels() && index_[i - 1] < index_[i] && value_[i] != 0);
    expectSame(spec, 1, 2);
    expectSame(spec, 3, 5);  // towers spread in the window, and before it was cut
  }

  /// The two channels hold the same pixels and values in the last crop.
  void expectSame(const FrameSpec& spec, int channel, int other) {
    const int numPixels = spec.rows * spec.columns;
    const auto first = [&](int of) {
      return std::lower_bound(index_.begin(), index_.end(), of * numPixels) - index_.begin();
    };
    const std::ptrdiff_t a = first(channel), b = first(other), size = first(channel + 1) - a;
    EXPECT(size == first(other + 1) - b);
    for (std::ptrdiff_t i = 0; i < size; ++i) {
      EXPECT(index_[a + i] - channel * numPixels == index_[b + i] - other * numPixels);
      EXPECT(value_[a + i] == value_[b + i]);
    }
  }

  Random random_;
  Event first_, second_;
  BarrelFrameBuilder barrel_;
  StitchedFrameBuilder stitched_;
  HcalFrameBuilder hcal_;
  SeedFinder finder_;
  Cropper cropper_;
  TrackingFuzzer tracking_;
  PixelAccumulator pixels_{kStitchedGrid};
  PixelLeaders leaders_{kStitchedGrid};
  SparseFrame frame_{}, other_{}, towerFrame_{}, fine_{}, sums_{};
  std::vector<std::int32_t> ledPixel_;
  std::vector<std::int64_t> leader_;
  std::vector<std::int32_t> index_;
  std::vector<float> value_;
};

}  // namespace

int main(int argc, char** argv) {
  double seconds = 10;
  unsigned seed = 1;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--seconds")
      seconds = std::stod(argv[i + 1]);
    else if (option == "--seed")
      seed = std::stoul(argv[i + 1]);
  }
  Fuzzer fuzzer(seed);
  std::size_t hits = 0, events = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  for (; std::chrono::steady_clock::now() < end; ++events)
    hits += fuzzer.runOne();
  std::printf("fuzz: %zu events, %zu hits, nothing wrong (seed %u)\n", events, hits, seed);
}
