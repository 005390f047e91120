#include "RecoE2E/Bundles/interface/FrameConfig.h"

#include <algorithm>

#include "FWCore/Utilities/interface/Exception.h"

namespace e2e {

namespace {

Grid gridNamed(const std::string& name) {
  if (name == "barrel")
    return kBarrelGrid;
  if (name == "stitched")
    return kStitchedGrid;
  throw cms::Exception("Configuration") << "E2E: no grid '" << name << "'; known: barrel, stitched";
}

void require(bool isMet, const char* what, int value, int limit) {
  if (!isMet)
    throw cms::Exception("Configuration") << "E2E: " << what << " " << value << " does not fit " << limit
                                          << "; take the frame that `e2e export BUNDLE --cmssw` wrote";
}

}  // namespace

Channel channelNamed(const std::string& name) {
  const auto* found = std::find(std::begin(kChannelNames), std::end(kChannelNames), name);
  if (found != std::end(kChannelNames))
    return static_cast<Channel>(found - std::begin(kChannelNames));
  cms::Exception error("Configuration");
  error << "E2E: no channel '" << name << "'; known:";
  for (const std::string_view known : kChannelNames)
    error << ' ' << std::string(known);
  throw error;
}

std::vector<Channel> channelsNamed(const std::vector<std::string>& names) {
  std::vector<Channel> channels;
  std::transform(names.begin(), names.end(), std::back_inserter(channels), channelNamed);
  return channels;
}

FrameConfig::FrameConfig(const edm::ParameterSet& config) : grid(gridNamed(config.getParameter<std::string>("grid"))) {
  window.rows = config.getParameter<int>("rows");
  window.columns = config.getParameter<int>("columns");
  window.centreRow = config.getParameter<int>("centreRow");
  window.centreColumn = config.getParameter<int>("centreColumn");
  window.channels = channelsNamed(config.getParameter<std::vector<std::string>>("channels"));
  require(0 < window.rows && window.rows <= grid.rows, "rows", window.rows, grid.rows);
  require(0 < window.columns && window.columns <= grid.columns, "columns", window.columns, grid.columns);
  require(0 <= window.centreRow && window.centreRow < window.rows, "centreRow", window.centreRow, window.rows);
  require(0 <= window.centreColumn && window.centreColumn < window.columns, "centreColumn", window.centreColumn,
          window.columns);
  if (window.rows == grid.rows && window.columns == grid.columns)
    throw cms::Exception("Configuration") << "E2E: the frame is the whole " << config.getParameter<std::string>("grid")
                                          << " grid, an event and no candidate of a collection; use `e2e predict`";
  require(!window.channels.empty() && window.numPixels() <= kMaxExactIndex, "pixels", window.numPixels(),
          kMaxExactIndex);
}

void FrameConfig::fillDescription(edm::ParameterSetDescription& description) {
  edm::ParameterSetDescription frame;
  frame.add<std::string>("grid", "barrel")->setComment("barrel: ECAL alone; stitched: the whole detector");
  frame.add<std::vector<std::string>>("channels", {"ecal_energy"})->setComment("in the order the model learnt");
  frame.add<int>("rows", kCropSize)->setComment("pixels in eta");
  frame.add<int>("columns", kCropSize)->setComment("pixels in phi");
  frame.add<int>("centreRow", kCropCentre)->setComment("where the seed lies in the window");
  frame.add<int>("centreColumn", kCropCentre);
  description.add<edm::ParameterSetDescription>("frame", frame);
}

}  // namespace e2e
