#ifndef RecoE2E_Inference_TaggerIO_h
#define RecoE2E_Inference_TaggerIO_h
// What every engine shares: a bundle's candidates out of the event, packed; its answers into the event.
#include <string>
#include <vector>

#include "DataFormats/Candidate/interface/Candidate.h"
#include "DataFormats/Common/interface/ValueMap.h"
#include "DataFormats/Common/interface/View.h"
#include "DataFormats/NanoAOD/interface/FlatTable.h"
#include "FWCore/Framework/interface/ConsumesCollector.h"
#include "FWCore/Framework/interface/Event.h"
#include "FWCore/Framework/interface/ProducesCollector.h"
#include "FWCore/ParameterSet/interface/ParameterSet.h"
#include "FWCore/ParameterSet/interface/ParameterSetDescription.h"
#include "FWCore/Utilities/interface/EDGetToken.h"
#include "FWCore/Utilities/interface/EDPutToken.h"
#include "RecoE2E/Bundles/interface/BundleConfig.h"
#include "RecoE2E/DataFormats/interface/SparseCandidates.h"

namespace e2e {

/// Padded tensors, in the order of the model's inputs, for all candidates of an event at once.
struct PackedCandidates {
  std::vector<std::string> names;
  std::vector<std::vector<float>> data;             // (batch, pixels) twice, (batch, 2); (batch, nodes, neighbours)
  std::vector<std::vector<std::int64_t>> shapes;
  std::int64_t batch = 0;
};

/// Of the model's output tensor, (batch, outputs).
extern const std::vector<std::string> kOutputNames;

class TaggerIO {
public:
  TaggerIO(const edm::ParameterSet& config, edm::ConsumesCollector consumes, edm::ProducesCollector produces);

  static void fillDescription(edm::ParameterSetDescription& description);

  const BundleConfig& bundle() const { return bundle_; }

  /// Throws cms::Exception("E2EFrames") where the candidates have another frame than the bundle's.
  const SparseCandidates& candidates(const edm::Event& event) const;

  /// outputs: (candidates of the event, outputs of the bundle), row by row. Puts a value map for each output, NaN where
  /// a candidate has no answer, and a table of all. Throws cms::Exception("E2EModel") for another number of outputs.
  void put(edm::Event& event, const std::vector<float>& outputs) const;

private:
  const BundleConfig bundle_;
  const std::string tableName_;
  const edm::EDGetTokenT<SparseCandidates> framesToken_;
  const edm::EDGetTokenT<edm::View<reco::Candidate>> candidatesToken_;
  std::vector<edm::EDPutTokenT<edm::ValueMap<float>>> mapTokens_;
  edm::EDPutTokenT<nanoaod::FlatTable> tableToken_;
};

PackedCandidates pack(const SparseCandidates& candidates, const BundleConfig& bundle);
PackedCandidates packSelfTest(const BundleConfig& bundle);

}  // namespace e2e

#endif
