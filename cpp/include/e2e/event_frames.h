#ifndef e2e_event_frames_h
#define e2e_event_frames_h
// One event -> a whole frame for every channel asked for: what candidates are cut from. Mirrors `channel_frames` in
// src/e2e/frames/build.py.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "frame_builder.h"
#include "pixel_accumulator.h"
#include "sparse_frame.h"
#include "tracking.h"

namespace e2e {

/// What an event recorded, in columns; not owned.
struct EventColumns {
  Hits barrel, endcap, hcalBarrel, hcalEndcap;
  TrackColumns tracks;
  LayerHits trackerHits;
  Point vertex;  // the primary one
};

/// A quantity of pixels of one grid.
struct ChannelFrame {
  Grid grid;
  Channel channel;
  std::vector<std::int32_t> pixel;  // flat, ascending
  std::vector<float> value;

  ChannelView view() const { return {grid, pixel.data(), value.data(), pixel.size()}; }
};

constexpr bool isLayer(Channel channel) { return channel >= Channel::kBpix1; }
/// Number of a layer's channel in `LayerHits`.
constexpr int layerOf(Channel channel) { return static_cast<int>(channel) - static_cast<int>(Channel::kBpix1) + 1; }
constexpr bool isOfTracks(Channel channel) { return Channel::kTrackPt <= channel && channel < Channel::kBpix1; }
/// A sum of these means nothing.
constexpr bool isOfLeadingTrack(Channel channel) { return isOfTracks(channel) && channel != Channel::kTrackPt; }

/// Keeps its scratch: one object per thread, many events.
class EventFrames {
public:
  /// The barrel alone, one crystal per pixel: energy, time.
  void buildBarrel(const EventColumns& event, const std::vector<Channel>& channels, std::vector<ChannelFrame>& frames) {
    HitCounts ignored;
    barrelBuilder_.build(event.barrel, scratch_, ignored);
    for (const Channel channel : channels)
      frames.push_back({kBarrelGrid, channel, scratch_.pixel,
                        channel == Channel::kEcalTime ? scratch_.time : scratch_.energy});
  }

  /// ECAL, tracks and tracker layers on the stitched grid, the HCAL on its own, from which candidates spread it.
  void buildStitched(const EventColumns& event, const std::vector<Channel>& channels,
                     std::vector<ChannelFrame>& frames) {
    const auto uses = [&](auto&& is) { return std::any_of(channels.begin(), channels.end(), is); };
    if (uses(isOfTracks))
      trackPixels(event.tracks, event.vertex, tracks_);
    if (uses(isOfLeadingTrack))
      leaders_.find({kStitchedGrid, tracks_.pixel.data(), tracks_.pt.data(), tracks_.pixel.size()}, leadingPixel_,
                    leadingRow_);
    for (const Channel channel : channels) {
      frames.push_back({channel == Channel::kHcalEnergy ? kHcalGrid : kStitchedGrid, channel, {}, {}});
      fill(event, frames.back());
    }
  }

private:
  void fill(const EventColumns& event, ChannelFrame& frame) {
    HitCounts ignored;
    if (frame.channel == Channel::kEcalEnergy) {
      stitchedBuilder_.build(event.barrel, event.endcap, scratch_, ignored);
    } else if (frame.channel == Channel::kHcalEnergy) {
      hcalBuilder_.build(event.hcalBarrel, event.hcalEndcap, scratch_, ignored);
    } else if (frame.channel == Channel::kTrackPt) {
      sum(tracks_.pixel, tracks_.pt);
    } else if (isLayer(frame.channel)) {
      layerPixels(event.trackerHits, layerOf(frame.channel), event.vertex, hitPixel_);
      ones_.assign(hitPixel_.size(), 1.f);
      sum(hitPixel_, ones_);
    } else {
      frame.pixel = leadingPixel_;
      const std::vector<float>& quantity = quantityOf(frame.channel);
      for (const std::int64_t row : leadingRow_)
        frame.value.push_back(quantity[row]);
      return;
    }
    frame.pixel = scratch_.pixel;
    frame.value = scratch_.energy;
  }

  void sum(const std::vector<std::int32_t>& pixel, const std::vector<float>& value) {
    stitchedBuilder_.pixels().addAll({kStitchedGrid, pixel.data(), value.data(), pixel.size()});
    stitchedBuilder_.pixels().moveTo(scratch_);
  }

  /// Of the hardest track in a pixel, for a sum of signed distances means nothing.
  const std::vector<float>& quantityOf(Channel channel) const {
    switch (channel) {
      case Channel::kTrackD0:
        return tracks_.d0;
      case Channel::kTrackDz:
        return tracks_.dz;
      case Channel::kTrackD0Significance:
        return tracks_.d0Significance;
      default:
        return tracks_.dzSignificance;
    }
  }

  BarrelFrameBuilder barrelBuilder_;
  StitchedFrameBuilder stitchedBuilder_;
  HcalFrameBuilder hcalBuilder_;
  PixelLeaders leaders_{kStitchedGrid};
  TrackPixels tracks_;
  std::vector<std::int32_t> leadingPixel_, hitPixel_;
  std::vector<std::int64_t> leadingRow_;
  std::vector<float> ones_;
  SparseFrame scratch_{};
};

}  // namespace e2e

#endif
