#ifndef RecoE2E_FrameProducers_TrackerHitReader_h
#define RecoE2E_FrameProducers_TrackerHitReader_h
// Hits of the tracker's barrel layers, with their places in the detector.
#include <vector>

#include "DataFormats/TrackerRecHit2D/interface/SiPixelRecHitCollection.h"
#include "DataFormats/TrackerRecHit2D/interface/SiStripRecHit2DCollection.h"
#include "FWCore/Framework/interface/ConsumesCollector.h"
#include "FWCore/Framework/interface/Event.h"
#include "FWCore/Framework/interface/EventSetup.h"
#include "FWCore/ParameterSet/interface/ParameterSet.h"
#include "FWCore/ParameterSet/interface/ParameterSetDescription.h"
#include "FWCore/Utilities/interface/EDGetToken.h"
#include "FWCore/Utilities/interface/ESGetToken.h"
#include "RecoE2E/Core/interface/tracking.h"

class TrackerGeometry;
class TrackerTopology;
class TrackerDigiGeometryRecord;
class TrackerTopologyRcd;

namespace e2e {

class TrackerHitReader {
public:
  TrackerHitReader(const edm::ParameterSet& config, edm::ConsumesCollector collector);

  static void fillDescription(edm::ParameterSetDescription& description);

  /// BPIX 1 to 4, TIB and TOB 1 and 2; other layers have no channel.
  void read(const edm::Event& event, const edm::EventSetup& setup);

  LayerHits view() const { return {layer_.data(), x_.data(), y_.data(), z_.data(), layer_.size()}; }

private:
  template <typename Collection>
  void add(const Collection& hits, const TrackerGeometry& geometry, const TrackerTopology& topology);

  const edm::EDGetTokenT<SiPixelRecHitCollection> pixelToken_;
  std::vector<edm::EDGetTokenT<SiStripRecHit2DCollection>> stripTokens_;
  const edm::ESGetToken<TrackerGeometry, TrackerDigiGeometryRecord> geometryToken_;
  const edm::ESGetToken<TrackerTopology, TrackerTopologyRcd> topologyToken_;
  std::vector<float> layer_, x_, y_, z_;
};

}  // namespace e2e

#endif
