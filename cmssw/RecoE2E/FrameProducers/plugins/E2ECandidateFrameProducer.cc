// Whole frames and a collection of photons, electrons, jets or taus -> a window around the seed of each.
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "DataFormats/Candidate/interface/Candidate.h"
#include "DataFormats/Common/interface/View.h"
#include "FWCore/Framework/interface/Event.h"
#include "FWCore/Framework/interface/MakerMacros.h"
#include "FWCore/Framework/interface/stream/EDProducer.h"
#include "FWCore/ParameterSet/interface/ConfigurationDescriptions.h"
#include "FWCore/ParameterSet/interface/ParameterSet.h"
#include "FWCore/ParameterSet/interface/ParameterSetDescription.h"
#include "FWCore/Utilities/interface/Exception.h"
#include "RecoE2E/Bundles/interface/FrameConfig.h"
#include "RecoE2E/Core/interface/crop.h"
#include "RecoE2E/Core/interface/jet_seeds.h"
#include "RecoE2E/Core/interface/object_seeds.h"
#include "RecoE2E/DataFormats/interface/DetectorFrames.h"
#include "RecoE2E/DataFormats/interface/SparseCandidates.h"
#include "RecoE2E/FrameProducers/interface/ScratchPool.h"

namespace {

struct CropScratch {
  e2e::Cropper cropper;
  std::vector<e2e::ChannelView> channels;
};

}  // namespace

class E2ECandidateFrameProducer : public edm::stream::EDProducer<edm::GlobalCache<e2e::ScratchPool<CropScratch>>> {
public:
  E2ECandidateFrameProducer(const edm::ParameterSet& config, const e2e::ScratchPool<CropScratch>*)
      : frame_(config.getParameter<edm::ParameterSet>("frame")),
        framesToken_(consumes<e2e::DetectorFrames>(config.getParameter<edm::InputTag>("frames"))),
        candidatesToken_(consumes<edm::View<reco::Candidate>>(config.getParameter<edm::InputTag>("candidates"))) {
    produces<e2e::SparseCandidates>();
  }

  static std::unique_ptr<e2e::ScratchPool<CropScratch>> initializeGlobalCache(const edm::ParameterSet&) {
    return std::make_unique<e2e::ScratchPool<CropScratch>>();
  }
  static void globalEndJob(const e2e::ScratchPool<CropScratch>*) {}

  static void fillDescriptions(edm::ConfigurationDescriptions& descriptions) {
    edm::ParameterSetDescription description;
    description.add<edm::InputTag>("frames", edm::InputTag("e2eDetectorFrames"));
    description.add<edm::InputTag>("candidates", edm::InputTag("gedPhotons"))
        ->setComment("photons or electrons for a frame of the barrel grid, jets or taus for one of the stitched grid");
    e2e::FrameConfig::fillDescription(description);
    descriptions.addWithDefaultLabel(description);
  }

  void produce(edm::Event& event, const edm::EventSetup&) override {
    const auto handle = event.getHandle(candidatesToken_);
    const auto& candidates = *handle;
    auto product = std::make_unique<e2e::SparseCandidates>();
    product->rows = frame_.window.rows;
    product->columns = frame_.window.columns;
    product->centreRow = frame_.window.centreRow;
    product->centreColumn = frame_.window.centreColumn;
    product->gridRows = frame_.grid.rows;
    product->processIndex = handle.id().processIndex();
    product->productIndex = handle.id().productIndex();
    for (const e2e::Channel channel : frame_.window.channels)
      product->channel.push_back(static_cast<std::uint8_t>(channel));
    if (!candidates.empty())
      cutAll(event.get(framesToken_), candidates, *product);
    event.put(std::move(product));
  }

private:
  void cutAll(const e2e::DetectorFrames& frames, const edm::View<reco::Candidate>& candidates,
              e2e::SparseCandidates& product) {
    const auto scratch = globalCache()->take();
    scratch->channels.clear();
    for (const e2e::Channel channel : frame_.window.channels)
      scratch->channels.push_back(find(frames, channel));
    const e2e::ChannelView seeding =
        find(frames, frame_.isBarrel() ? e2e::Channel::kEcalEnergy : e2e::Channel::kHcalEnergy);
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const auto seed = seedOf(candidates[i], seeding);
      if (!seed)
        continue;
      scratch->cropper.cut(scratch->channels, frame_.window, seed->row, seed->column, product.pixel, product.value);
      product.candidate.push_back(i);
      product.seedRow.push_back(seed->row);
      product.seedColumn.push_back(seed->column);
      product.offset.push_back(product.pixel.size());
    }
  }

  e2e::ChannelView find(const e2e::DetectorFrames& frames, e2e::Channel channel) const {
    const bool isTowers = channel == e2e::Channel::kHcalEnergy;
    const e2e::Grid grid = isTowers && !frame_.isBarrel() ? e2e::kHcalGrid : frame_.grid;
    for (std::size_t i = 0; i < frames.channel.size(); ++i)
      if (frames.channel[i] == static_cast<std::uint8_t>(channel) && frames.rows[i] == grid.rows) {
        const std::size_t begin = frames.offset[i];
        return {grid, frames.pixel.data() + begin, frames.value.data() + begin, frames.offset[i + 1] - begin};
      }
    throw cms::Exception("Configuration")
        << "E2E: no frame of channel " << std::string(e2e::kChannelNames[static_cast<int>(channel)])
        << "; add it to the " << (frame_.isBarrel() ? "barrelChannels" : "stitchedChannels")
        << " of the E2EDetectorFrameProducer";
  }

  /// Numbers as single precision, which is how files keep them and how a model was trained.
  std::optional<e2e::Seed> seedOf(const reco::Candidate& candidate, const e2e::ChannelView& seeding) const {
    const auto single = [](double value) { return static_cast<float>(value); };
    const float eta = single(candidate.eta()), phi = single(candidate.phi());
    if (!frame_.isBarrel())
      return e2e::jetSeed(seeding, eta, phi, frame_.window);
    const double bend = e2e::bendOf(candidate.charge(), single(candidate.pt()));
    return e2e::objectSeed(seeding, {single(candidate.vx()), single(candidate.vy()), single(candidate.vz()), eta,
                                        phi, bend});
  }

  const e2e::FrameConfig frame_;
  const edm::EDGetTokenT<e2e::DetectorFrames> framesToken_;
  const edm::EDGetTokenT<edm::View<reco::Candidate>> candidatesToken_;
};

DEFINE_FWK_MODULE(E2ECandidateFrameProducer);
