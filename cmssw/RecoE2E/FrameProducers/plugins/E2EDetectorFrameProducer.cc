// Rec hits, tracks and tracker hits of an event -> whole frames, once for all taggers.
#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "DataFormats/EcalRecHit/interface/EcalRecHitCollections.h"
#include "DataFormats/HcalRecHit/interface/HcalRecHitCollections.h"
#include "DataFormats/TrackReco/interface/Track.h"
#include "DataFormats/TrackReco/interface/TrackFwd.h"
#include "DataFormats/VertexReco/interface/Vertex.h"
#include "DataFormats/VertexReco/interface/VertexFwd.h"
#include "FWCore/Framework/interface/Event.h"
#include "FWCore/Framework/interface/MakerMacros.h"
#include "FWCore/Framework/interface/stream/EDProducer.h"
#include "FWCore/ParameterSet/interface/ConfigurationDescriptions.h"
#include "FWCore/ParameterSet/interface/ParameterSet.h"
#include "FWCore/ParameterSet/interface/ParameterSetDescription.h"
#include "FWCore/Utilities/interface/Exception.h"
#include "RecoE2E/Bundles/interface/FrameConfig.h"
#include "RecoE2E/Core/interface/event_frames.h"
#include "RecoE2E/DataFormats/interface/DetectorFrames.h"
#include "RecoE2E/FrameProducers/interface/ScratchPool.h"
#include "RecoE2E/FrameProducers/interface/TrackerHitReader.h"

namespace {

constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

/// Columns of the hits of a subdetector.
struct HitTable {
  std::vector<std::uint32_t> detid;
  std::vector<float> energy, time;

  void clear() {
    detid.clear();
    energy.clear();
    time.clear();
  }

  template <typename Hit>
  void add(const Hit& hit) {
    detid.push_back(hit.detid().rawId());
    energy.push_back(hit.energy());
    time.push_back(hit.time());
  }

  e2e::Hits view() const { return {detid.data(), energy.data(), time.data(), detid.size()}; }
};

struct TrackTable {
  std::vector<float> pt, eta, phi, charge, x, y, z, d0Error, dzError, isHighPurity;

  void clear() {
    for (auto* column : {&pt, &eta, &phi, &charge, &x, &y, &z, &d0Error, &dzError, &isHighPurity})
      column->clear();
  }

  void add(const reco::Track& track) {
    pt.push_back(track.pt());
    eta.push_back(track.eta());
    phi.push_back(track.phi());
    charge.push_back(track.charge());
    x.push_back(track.vx());
    y.push_back(track.vy());
    z.push_back(track.vz());
    d0Error.push_back(track.dxyError());
    dzError.push_back(track.dzError());
    isHighPurity.push_back(track.qualityMask() == 0 ? kUnknown : track.quality(reco::TrackBase::highPurity));
  }

  e2e::TrackColumns view() const {
    return {pt.data(), eta.data(),     phi.data(),     charge.data(),       x.data(), y.data(),
            z.data(),  d0Error.data(), dzError.data(), isHighPurity.data(), pt.size()};
  }
};

/// An event in columns, and what is made of it.
struct EventScratch {
  HitTable eb, ee, hb, he;
  TrackTable tracks;
  e2e::Point vertex;
  e2e::EventFrames builder;
  std::vector<e2e::ChannelFrame> frames;

  void clear() {
    for (HitTable* table : {&eb, &ee, &hb, &he})
      table->clear();
    tracks.clear();
    vertex = {};
    frames.clear();
  }
};

}  // namespace

class E2EDetectorFrameProducer : public edm::stream::EDProducer<edm::GlobalCache<e2e::ScratchPool<EventScratch>>> {
public:
  E2EDetectorFrameProducer(const edm::ParameterSet& config, const e2e::ScratchPool<EventScratch>*)
      : barrelChannels_(e2e::channelsNamed(config.getParameter<std::vector<std::string>>("barrelChannels"))),
        stitchedChannels_(e2e::channelsNamed(config.getParameter<std::vector<std::string>>("stitchedChannels"))),
        ebToken_(consumes<EcalRecHitCollection>(config.getParameter<edm::InputTag>("ebHits"))) {
    for (const e2e::Channel channel : barrelChannels_)
      if (channel != e2e::Channel::kEcalEnergy && channel != e2e::Channel::kEcalTime)
        throw cms::Exception("Configuration") << "E2E: the barrel grid carries ecal_energy and ecal_time alone";
    if (uses(e2e::Channel::kEcalTime))
      throw cms::Exception("Configuration") << "E2E: several crystals share a pixel of the stitched grid: no ecal_time";
    // what no channel needs is not asked of the event
    if (uses(e2e::Channel::kEcalEnergy))
      eeToken_ = consumes<EcalRecHitCollection>(config.getParameter<edm::InputTag>("eeHits"));
    if (uses(e2e::Channel::kHcalEnergy))
      hbheToken_ = consumes<HBHERecHitCollection>(config.getParameter<edm::InputTag>("hbheHits"));
    if (uses(e2e::isOfTracks))
      tracksToken_ = consumes<reco::TrackCollection>(config.getParameter<edm::InputTag>("tracks"));
    if (uses(e2e::isOfTracks) || uses(e2e::isLayer))
      verticesToken_ = consumes<reco::VertexCollection>(config.getParameter<edm::InputTag>("vertices"));
    if (uses([](e2e::Channel channel) { return channel >= e2e::Channel::kTib1; }) &&
        config.getParameter<std::vector<edm::InputTag>>("stripHits").empty())
      throw cms::Exception("Configuration") << "E2E: layers of TIB and TOB without stripHits: name their collections";
    if (uses(e2e::isLayer))
      trackerHits_ = std::make_unique<e2e::TrackerHitReader>(config, consumesCollector());
    produces<e2e::DetectorFrames>();
  }

  static std::unique_ptr<e2e::ScratchPool<EventScratch>> initializeGlobalCache(const edm::ParameterSet&) {
    return std::make_unique<e2e::ScratchPool<EventScratch>>();
  }
  static void globalEndJob(const e2e::ScratchPool<EventScratch>*) {}

  static void fillDescriptions(edm::ConfigurationDescriptions& descriptions) {
    edm::ParameterSetDescription description;
    description.add<std::vector<std::string>>("barrelChannels", {"ecal_energy"})
        ->setComment("of photons and electrons: ecal_energy, ecal_time");
    description.add<std::vector<std::string>>("stitchedChannels", {})
        ->setComment("of jets and taus, whose seeds need hcal_energy whatever the model sees");
    description.add<edm::InputTag>("ebHits", edm::InputTag("reducedEcalRecHitsEB"));
    description.add<edm::InputTag>("eeHits", edm::InputTag("reducedEcalRecHitsEE"));
    description.add<edm::InputTag>("hbheHits", edm::InputTag("reducedHcalRecHits", "hbhereco"));
    description.add<edm::InputTag>("tracks", edm::InputTag("generalTracks"));
    description.add<edm::InputTag>("vertices", edm::InputTag("offlinePrimaryVertices"));
    e2e::TrackerHitReader::fillDescription(description);
    descriptions.addWithDefaultLabel(description);
  }

  void produce(edm::Event& event, const edm::EventSetup& setup) override {
    const auto scratch = globalCache()->take();
    read(event, setup, *scratch);
    const e2e::EventColumns columns = columnsOf(*scratch);
    if (!barrelChannels_.empty())
      scratch->builder.buildBarrel(columns, barrelChannels_, scratch->frames);
    scratch->builder.buildStitched(columns, stitchedChannels_, scratch->frames);

    auto product = std::make_unique<e2e::DetectorFrames>();
    for (const e2e::ChannelFrame& frame : scratch->frames) {
      product->channel.push_back(static_cast<std::uint8_t>(frame.channel));
      product->rows.push_back(frame.grid.rows);
      product->columns.push_back(frame.grid.columns);
      product->pixel.insert(product->pixel.end(), frame.pixel.begin(), frame.pixel.end());
      product->value.insert(product->value.end(), frame.value.begin(), frame.value.end());
      product->offset.push_back(product->pixel.size());
    }
    event.put(std::move(product));
  }

private:
  bool uses(e2e::Channel channel) const {
    return uses([channel](e2e::Channel other) { return other == channel; });
  }

  template <typename Is>
  bool uses(Is&& is) const {
    return std::any_of(stitchedChannels_.begin(), stitchedChannels_.end(), is);
  }

  /// A collection that is missing is an error of the framework (ProductNotFound), an empty one an empty channel.
  void read(const edm::Event& event, const edm::EventSetup& setup, EventScratch& scratch) {
    scratch.clear();
    for (const EcalRecHit& hit : event.get(ebToken_))
      scratch.eb.add(hit);
    if (!eeToken_.isUninitialized())
      for (const EcalRecHit& hit : event.get(eeToken_))
        scratch.ee.add(hit);
    if (!hbheToken_.isUninitialized())
      for (const HBHERecHit& hit : event.get(hbheToken_))
        (hit.id().subdet() == HcalBarrel ? scratch.hb : scratch.he).add(hit);
    if (!tracksToken_.isUninitialized())
      for (const reco::Track& track : event.get(tracksToken_))
        scratch.tracks.add(track);
    if (!verticesToken_.isUninitialized())
      if (const auto& vertices = event.get(verticesToken_); !vertices.empty())
        scratch.vertex = {static_cast<float>(vertices[0].x()), static_cast<float>(vertices[0].y()),
                          static_cast<float>(vertices[0].z())};
    if (trackerHits_)
      trackerHits_->read(event, setup);
  }

  e2e::EventColumns columnsOf(const EventScratch& scratch) const {
    return {scratch.eb.view(), scratch.ee.view(), scratch.hb.view(), scratch.he.view(), scratch.tracks.view(),
            trackerHits_ ? trackerHits_->view() : e2e::LayerHits{}, scratch.vertex};
  }

  const std::vector<e2e::Channel> barrelChannels_, stitchedChannels_;
  const edm::EDGetTokenT<EcalRecHitCollection> ebToken_;
  edm::EDGetTokenT<EcalRecHitCollection> eeToken_;
  edm::EDGetTokenT<HBHERecHitCollection> hbheToken_;
  edm::EDGetTokenT<reco::TrackCollection> tracksToken_;
  edm::EDGetTokenT<reco::VertexCollection> verticesToken_;
  std::unique_ptr<e2e::TrackerHitReader> trackerHits_;
};

DEFINE_FWK_MODULE(E2EDetectorFrameProducer);
