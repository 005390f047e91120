#include "RecoE2E/FrameProducers/interface/TrackerHitReader.h"

#include "DataFormats/SiStripDetId/interface/SiStripEnums.h"
#include "DataFormats/SiPixelDetId/interface/PixelSubdetector.h"
#include "DataFormats/TrackerCommon/interface/TrackerTopology.h"
#include "Geometry/Records/interface/TrackerDigiGeometryRecord.h"
#include "Geometry/Records/interface/TrackerTopologyRcd.h"
#include "Geometry/TrackerGeometryBuilder/interface/TrackerGeometry.h"
#include "RecoE2E/Core/interface/event_frames.h"

namespace e2e {

namespace {

constexpr int kPixelLayers = 4, kStripLayers = 2;  // of the barrel that have a channel, each of BPIX, TIB, TOB

/// Number of the layer in `LayerHits`; 0: it has none.
int layerOf(DetId id, const TrackerTopology& topology) {
  const auto number = [](int layer, int most, Channel first) {
    return layer <= most ? e2e::layerOf(first) + layer - 1 : 0;
  };
  switch (id.subdetId()) {
    case PixelSubdetector::PixelBarrel:
      return number(topology.pxbLayer(id), kPixelLayers, Channel::kBpix1);
    case SiStripSubdetector::TIB:
      return number(topology.tibLayer(id), kStripLayers, Channel::kTib1);
    case SiStripSubdetector::TOB:
      return number(topology.tobLayer(id), kStripLayers, Channel::kTob1);
    default:
      return 0;
  }
}

}  // namespace

TrackerHitReader::TrackerHitReader(const edm::ParameterSet& config, edm::ConsumesCollector collector)
    : pixelToken_(collector.consumes<SiPixelRecHitCollection>(config.getParameter<edm::InputTag>("pixelHits"))),
      geometryToken_(collector.esConsumes<TrackerGeometry, TrackerDigiGeometryRecord>()),
      topologyToken_(collector.esConsumes<TrackerTopology, TrackerTopologyRcd>()) {
  for (const auto& tag : config.getParameter<std::vector<edm::InputTag>>("stripHits"))
    stripTokens_.push_back(collector.consumes<SiStripRecHit2DCollection>(tag));
}

void TrackerHitReader::fillDescription(edm::ParameterSetDescription& description) {
  description.add<edm::InputTag>("pixelHits", edm::InputTag("siPixelRecHits"))->setComment("RECO; AOD has none");
  description.add<std::vector<edm::InputTag>>("stripHits", {edm::InputTag("siStripMatchedRecHits", "rphiRecHit")});
}

void TrackerHitReader::read(const edm::Event& event, const edm::EventSetup& setup) {
  for (auto* column : {&layer_, &x_, &y_, &z_})
    column->clear();
  const TrackerGeometry& geometry = setup.getData(geometryToken_);
  const TrackerTopology& topology = setup.getData(topologyToken_);
  add(event.get(pixelToken_), geometry, topology);
  for (const auto& token : stripTokens_)
    add(event.get(token), geometry, topology);
}

template <typename Collection>
void TrackerHitReader::add(const Collection& hits, const TrackerGeometry& geometry, const TrackerTopology& topology) {
  for (const auto& ofModule : hits) {
    const int layer = layerOf(DetId(ofModule.detId()), topology);
    if (layer == 0)
      continue;
    const auto& surface = geometry.idToDet(DetId(ofModule.detId()))->surface();
    for (const auto& hit : ofModule) {
      const GlobalPoint place = surface.toGlobal(hit.localPosition());
      layer_.push_back(layer);
      x_.push_back(place.x());
      y_.push_back(place.y());
      z_.push_back(place.z());
    }
  }
}

}  // namespace e2e
