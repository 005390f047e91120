#ifndef e2e_bindings_hits_h
#define e2e_bindings_hits_h
// What the bindings share: the hits of many events, places among them, their barrel frames one by one, and windows.
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "arrays.h"
#include "e2e/crop.h"
#include "e2e/frame_builder.h"

namespace e2e::bindings {

/// Hits of many events; `of` gives those of one.
class HitTable {
public:
  using Arrays = std::tuple<AnyArray, AnyArray, AnyArray, AnyArray>;  // offsets, detid, energy, time

  explicit HitTable(const Arrays& arrays)
      : offsets_(column<std::int64_t>(std::get<0>(arrays), "offsets")),
        detid_(column<std::uint32_t>(std::get<1>(arrays), "detid")),
        energy_(column<float>(std::get<2>(arrays), "energy")),
        time_(column<float>(std::get<3>(arrays), "time")) {
    checkSize(energy_, detid_.size, "energy");
    checkSize(time_, detid_.size, "time");
    checkOffsets(offsets_, detid_.size);
  }

  std::size_t numEvents() const { return offsets_.size - 1; }

  Hits of(std::size_t event) const {
    const std::int64_t begin = offsets_[event];
    return {detid_.data + begin, energy_.data + begin, time_.data + begin,
            static_cast<std::size_t>(offsets_[event + 1] - begin)};
  }

private:
  Column<std::int64_t> offsets_;
  Column<std::uint32_t> detid_;
  Column<float> energy_, time_;
};

inline void checkSameEvents(const HitTable& a, const HitTable& b) {
  if (a.numEvents() != b.numEvents())
    refuse("the tables hold different numbers of events: " + std::to_string(a.numEvents()) + " and " +
           std::to_string(b.numEvents()));
}

/// Pixels in which something happens: a seed, or where to look for one.
struct Places {
  Column<std::int64_t> event, row, column;

  Places(const AnyArray& events, const AnyArray& rows, const AnyArray& columns, std::size_t numEvents,
         Grid grid = kBarrelGrid)
      : event(bindings::column<std::int64_t>(events, "event_index")),
        row(bindings::column<std::int64_t>(rows, "row")),
        column(bindings::column<std::int64_t>(columns, "column")) {
    checkSize(row, event.size, "row");
    checkSize(column, event.size, "column");
    for (std::size_t i = 0; i < event.size; ++i) {
      const std::string name = "seed " + std::to_string(i);
      checkRange(event[i], numEvents, name + ": event");
      checkRange(row[i], grid.rows, name + ": row");
      checkRange(column[i], grid.columns, name + ": column");
    }
  }
};

inline void checkHalfWidth(std::int64_t halfRows, std::int64_t halfColumns) {
  checkRange(halfRows, kBarrelGrid.rows, "half width in rows");
  checkRange(halfColumns, (kBarrelGrid.columns + 1) / 2, "half width in columns");
}

inline Grid gridNamed(const std::string& name) {
  if (name == "barrel")
    return kBarrelGrid;
  if (name == "stitched")
    return kStitchedGrid;
  if (name == "hcal")
    return kHcalGrid;
  refuse("unknown grid '" + name + "'; known: barrel, stitched, hcal");
}

/// rows, columns, centre_row, centre_column
using WindowNumbers = std::tuple<int, int, int, int>;

inline FrameSpec frameSpec(const std::vector<int>& channels, const WindowNumbers& window, Grid grid) {
  FrameSpec spec;
  std::tie(spec.rows, spec.columns, spec.centreRow, spec.centreColumn) = window;
  spec.channels.clear();
  for (const int channel : channels) {
    checkRange(channel, kNumChannels, "channel");
    spec.channels.push_back(static_cast<Channel>(channel));
  }
  checkRange(spec.rows, grid.rows + 1, "rows");
  checkRange(spec.columns, grid.columns + 1, "columns");
  checkRange(spec.centreRow, spec.rows, "centre_row");
  checkRange(spec.centreColumn, spec.columns, "centre_column");
  return spec;
}

/// One quantity of pixels of many events; `of` gives that of one.
class ChannelTable {
public:
  using Arrays = std::tuple<AnyArray, AnyArray, AnyArray>;  // offsets, pixel, value

  ChannelTable(const Arrays& arrays, Grid grid)
      : grid_(grid),
        offsets_(column<std::int64_t>(std::get<0>(arrays), "offsets")),
        pixel_(column<std::int32_t>(std::get<1>(arrays), "pixel")),
        value_(column<float>(std::get<2>(arrays), "value")) {
    checkSize(value_, pixel_.size, "value");
    checkOffsets(offsets_, pixel_.size);
  }

  std::size_t numEvents() const { return offsets_.size - 1; }
  std::int64_t firstRow(std::size_t event) const { return offsets_[event]; }

  ChannelView of(std::size_t event) const {
    const std::int64_t begin = offsets_[event];
    return {grid_, pixel_.data + begin, value_.data + begin, static_cast<std::size_t>(offsets_[event + 1] - begin)};
  }

  /// Whether the pixels of every event are those of a frame: on the grid, ascending.
  void checkAscending() const {
    checkRange(pixel_, grid_.numPixels(), "pixel");
    for (std::size_t event = 0; event < numEvents(); ++event)
      for (std::int64_t i = offsets_[event] + 1; i < offsets_[event + 1]; ++i)
        if (pixel_[i - 1] >= pixel_[i])
          refuse("the pixels of an event must ascend");
  }

private:
  Grid grid_;
  Column<std::int64_t> offsets_;
  Column<std::int32_t> pixel_;
  Column<float> value_;
};

/// Scratch that outlives the call, one per thread.
template <typename Scratch>
Scratch& scratch() {
  thread_local Scratch instance;
  return instance;
}

/// Barrel frames of a table, one at a time; asking for the same event again costs nothing.
class BarrelFrames {
public:
  explicit BarrelFrames(const HitTable& hits) : hits_(hits) {}

  const SparseFrame& of(std::int64_t event) {
    if (event != current_) {
      HitCounts ignored;
      scratch<BarrelFrameBuilder>().build(hits_.of(event), frame_, ignored);
      current_ = event;
    }
    return frame_;
  }

private:
  const HitTable& hits_;
  std::int64_t current_ = -1;
  SparseFrame frame_{};
};

/// Call `use(std::integral_constant<Subdetector, ...>)` for the subdetector of this name.
template <typename Use>
auto withSubdetector(const std::string& name, Use&& use) {
  if (name == "EB")
    return use(std::integral_constant<Subdetector, Subdetector::EB>{});
  if (name == "EE")
    return use(std::integral_constant<Subdetector, Subdetector::EE>{});
  if (name == "HB")
    return use(std::integral_constant<Subdetector, Subdetector::HB>{});
  if (name == "HE")
    return use(std::integral_constant<Subdetector, Subdetector::HE>{});
  if (name == "HO")
    return use(std::integral_constant<Subdetector, Subdetector::HO>{});
  if (name == "HF")
    return use(std::integral_constant<Subdetector, Subdetector::HF>{});
  refuse("unknown subdetector '" + name + "'; known: EB, EE, HB, HE, HO, HF");
}

}  // namespace e2e::bindings

#endif
