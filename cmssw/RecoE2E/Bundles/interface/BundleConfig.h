#ifndef RecoE2E_Bundles_BundleConfig_h
#define RecoE2E_Bundles_BundleConfig_h
// A bundle's contract, as `e2e export BUNDLE --cmssw` writes it into the configuration: what the model takes and gives.
#include <string>
#include <vector>

#include "FWCore/ParameterSet/interface/ParameterSet.h"
#include "FWCore/ParameterSet/interface/ParameterSetDescription.h"
#include "RecoE2E/Bundles/interface/FrameConfig.h"
#include "RecoE2E/Core/interface/graph_packing.h"

namespace e2e {

inline constexpr unsigned kBundleVersion = 2;  // the newest that these plugins know

struct OutputConfig {
  std::string name, instance, kind, unit, meaning;  // instance: of its product
};

/// One candidate and the answers that the model must give for it.
struct SelfTest {
  std::vector<float> pixelIndex, pixelValue, seed, outputs;
  std::vector<float> scale;  // below which a deviation of each output counts as it is
  std::vector<int> answer;   // which each output belongs to: an estimate and its interval are one
  double tolerance;
};

struct BundleConfig {
  std::string name;
  FrameConfig frame;
  GraphSpec graph;  // without neighbours: the network is none of graphs
  std::vector<OutputConfig> outputs;
  SelfTest selfTest;

  /// Throws cms::Exception("Configuration") for a bundle that is newer than these plugins, or that contradicts itself.
  explicit BundleConfig(const edm::ParameterSet& config);

  /// Throws cms::Exception("E2EModel") unless `outputs`, one for each of the bundle's, are those of the self test.
  void checkSelfTest(const std::vector<float>& outputs) const;

  /// Without a bundle there is no default: `bundle` must be given.
  static void fillDescription(edm::ParameterSetDescription& description);
};

}  // namespace e2e

#endif
