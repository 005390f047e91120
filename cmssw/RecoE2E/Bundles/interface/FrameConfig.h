#ifndef RecoE2E_Bundles_FrameConfig_h
#define RecoE2E_Bundles_FrameConfig_h
// The frame that a bundle's candidates have, as `e2e export BUNDLE --cmssw` writes it into the configuration.
#include <string>
#include <vector>

#include "FWCore/ParameterSet/interface/ParameterSet.h"
#include "FWCore/ParameterSet/interface/ParameterSetDescription.h"
#include "RecoE2E/Core/interface/crop.h"

namespace e2e {

/// Throws cms::Exception("Configuration") that names the known channels for a name that is none of them.
Channel channelNamed(const std::string& name);
std::vector<Channel> channelsNamed(const std::vector<std::string>& names);

struct FrameConfig {
  Grid grid;  // from which the window is cut
  FrameSpec window;

  /// Throws cms::Exception("Configuration") for an unknown grid or channel, and for a window that does not fit.
  explicit FrameConfig(const edm::ParameterSet& config);

  bool isBarrel() const { return grid.rows == kBarrelGrid.rows; }

  /// The defaults are those of photons and electrons.
  static void fillDescription(edm::ParameterSetDescription& description);
};

}  // namespace e2e

#endif
