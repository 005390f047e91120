// Keep events with enough candidates whose answers lie within limits: score, mass, or both.
#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "DataFormats/Candidate/interface/Candidate.h"
#include "DataFormats/Common/interface/ValueMap.h"
#include "DataFormats/Common/interface/View.h"
#include "FWCore/Framework/interface/Event.h"
#include "FWCore/Framework/interface/MakerMacros.h"
#include "FWCore/Framework/interface/global/EDFilter.h"
#include "FWCore/ParameterSet/interface/ConfigurationDescriptions.h"
#include "FWCore/ParameterSet/interface/ParameterSet.h"
#include "FWCore/ParameterSet/interface/ParameterSetDescription.h"

class E2EFilter : public edm::global::EDFilter<> {
public:
  explicit E2EFilter(const edm::ParameterSet& config)
      : candidatesToken_(consumes<edm::View<reco::Candidate>>(config.getParameter<edm::InputTag>("candidates"))),
        minPt_(config.getParameter<double>("minPt")),
        minNumber_(config.getParameter<unsigned>("minNumber")) {
    for (const auto& cut : config.getParameter<std::vector<edm::ParameterSet>>("cuts"))
      cuts_.push_back({consumes<edm::ValueMap<float>>(cut.getParameter<edm::InputTag>("answers")),
                       cut.getParameter<double>("min"), cut.getParameter<double>("max")});
  }

  static void fillDescriptions(edm::ConfigurationDescriptions& descriptions) {
    edm::ParameterSetDescription description;
    description.add<edm::InputTag>("candidates", edm::InputTag("gedPhotons"));
    description.add<double>("minPt", 0.)->setComment("GeV");
    description.add<unsigned>("minNumber", 1)->setComment("candidates that pass all cuts");
    edm::ParameterSetDescription cut;
    cut.add<edm::InputTag>("answers")->setComment("of one output, such as e2eDiphotonMassNano:mass");
    cut.add<double>("min", -std::numeric_limits<double>::max())->setComment("in the unit of the output");
    cut.add<double>("max", std::numeric_limits<double>::max());
    description.addVPSet("cuts", cut, {});
    descriptions.addWithDefaultLabel(description);
  }

  bool filter(edm::StreamID, edm::Event& event, const edm::EventSetup&) const override {
    const auto candidates = event.getHandle(candidatesToken_);
    unsigned number = 0;
    for (std::size_t i = 0; i < candidates->size(); ++i) {
      const auto passes = [&](const Cut& cut) {
        const float answer = event.get(cut.answers)[candidates->refAt(i)];
        return cut.min <= answer && answer <= cut.max;  // not without an answer, which is NaN
      };
      number += (*candidates)[i].pt() >= minPt_ && std::all_of(cuts_.begin(), cuts_.end(), passes);
    }
    return number >= minNumber_;
  }

private:
  struct Cut {
    edm::EDGetTokenT<edm::ValueMap<float>> answers;
    double min, max;
  };

  const edm::EDGetTokenT<edm::View<reco::Candidate>> candidatesToken_;
  const double minPt_;
  const unsigned minNumber_;
  std::vector<Cut> cuts_;
};

DEFINE_FWK_MODULE(E2EFilter);
