#include "RecoE2E/Inference/interface/TaggerIO.h"

#include <limits>
#include <memory>
#include <utility>

#include "FWCore/Utilities/interface/Exception.h"
#include "RecoE2E/Core/interface/packing.h"

namespace e2e {

const std::vector<std::string> kOutputNames{"outputs"};

namespace {

constexpr float kNoAnswer = std::numeric_limits<float>::quiet_NaN();

bool isSameFrame(const SparseCandidates& candidates, const FrameConfig& frame) {
  const FrameSpec& window = frame.window;
  if (candidates.rows != window.rows || candidates.columns != window.columns ||
      candidates.centreRow != window.centreRow || candidates.centreColumn != window.centreColumn ||
      candidates.gridRows != frame.grid.rows || candidates.channel.size() != window.channels.size())
    return false;
  for (std::size_t i = 0; i < window.channels.size(); ++i)
    if (candidates.channel[i] != static_cast<std::uint8_t>(window.channels[i]))
      return false;
  return true;
}

PackedCandidates ofPixels(std::vector<float> index, std::vector<float> value, std::vector<float> seed, std::int64_t rows,
                          std::int64_t width) {
  return {{"pixel_index", "pixel_value", "seed"},
          {std::move(index), std::move(value), std::move(seed)},
          {{rows, width}, {rows, width}, {rows, 2}},
          rows};
}

/// With the neighbours, for a graph network.
PackedCandidates complete(PackedCandidates packed, const BundleConfig& bundle) {
  if (bundle.graph.neighbours == 0)
    return packed;
  const FrameSpec& window = bundle.frame.window;
  PackedNeighbours found =
      packNeighbours(packed.data[0].data(), packed.batch, packed.shapes[0][1],
                     {window.rows, window.columns, window.centreRow, window.centreColumn}, coarseChannels(window),
                     bundle.graph);
  packed.names.push_back("neighbour");
  packed.shapes.push_back({packed.batch, static_cast<std::int64_t>(found.nodes),
                           static_cast<std::int64_t>(bundle.graph.neighbours)});
  packed.data.push_back(std::move(found.number));
  return packed;
}

}  // namespace

TaggerIO::TaggerIO(const edm::ParameterSet& config, edm::ConsumesCollector consumes, edm::ProducesCollector produces)
    : bundle_(config.getParameter<edm::ParameterSet>("bundle")),
      tableName_(config.getParameter<std::string>("tableName")),
      framesToken_(consumes.consumes<SparseCandidates>(config.getParameter<edm::InputTag>("frames"))),
      candidatesToken_(
          consumes.consumes<edm::View<reco::Candidate>>(config.getParameter<edm::InputTag>("candidates"))) {
  for (const OutputConfig& output : bundle_.outputs)
    mapTokens_.push_back(produces.produces<edm::ValueMap<float>>(output.instance));
  if (!tableName_.empty())
    tableToken_ = produces.produces<nanoaod::FlatTable>();
}

void TaggerIO::fillDescription(edm::ParameterSetDescription& description) {
  description.add<edm::InputTag>("frames", edm::InputTag("e2eCandidateFrames"));
  description.add<edm::InputTag>("candidates", edm::InputTag("gedPhotons"))
      ->setComment("the collection that the frames were cut for");
  description.add<std::string>("tableName", "")
      ->setComment("of a NanoAOD table to extend, such as Photon; empty: no table");
  BundleConfig::fillDescription(description);
}

const SparseCandidates& TaggerIO::candidates(const edm::Event& event) const {
  const SparseCandidates& candidates = event.get(framesToken_);
  if (!isSameFrame(candidates, bundle_.frame))
    throw cms::Exception("E2EFrames") << "E2E: the candidates have another frame than bundle " << bundle_.name
                                      << "; give the E2ECandidateFrameProducer the bundle's own `frame`";
  return candidates;
}

void TaggerIO::put(edm::Event& event, const std::vector<float>& outputs) const {
  const SparseCandidates& answered = event.get(framesToken_);
  const auto candidates = event.getHandle(candidatesToken_);
  const std::size_t width = bundle_.outputs.size();
  if (outputs.size() != answered.size() * width)
    throw cms::Exception("E2EModel") << "E2E: bundle " << bundle_.name << " gave " << outputs.size() << " numbers for "
                                     << answered.size() << " candidates with " << width << " outputs each";
  if (candidates.id().processIndex() != answered.processIndex || candidates.id().productIndex() != answered.productIndex)
    throw cms::Exception("E2EFrames") << "E2E: `frames` and `candidates` of the tagger of bundle " << bundle_.name
                                      << " are of two collections";
  auto table = std::make_unique<nanoaod::FlatTable>(candidates->size(), tableName_, false, true);
  for (std::size_t column = 0; column < width; ++column) {
    std::vector<float> values(candidates->size(), kNoAnswer);
    for (std::size_t row = 0; row < answered.size(); ++row)
      values.at(answered.candidate[row]) = outputs[row * width + column];
    const OutputConfig& output = bundle_.outputs[column];
    if (!tableName_.empty())
      table->addColumn<float>("e2e_" + bundle_.name + "_" + output.name, values, output.meaning);
    edm::ValueMap<float> map;
    edm::ValueMap<float>::Filler filler(map);
    filler.insert(candidates, values.begin(), values.end());
    filler.fill();
    event.emplace(mapTokens_[column], std::move(map));
  }
  if (!tableName_.empty())
    event.put(tableToken_, std::move(table));
}

PackedCandidates pack(const SparseCandidates& candidates, const BundleConfig& bundle) {
  const std::size_t batch = candidates.size();
  const std::int64_t width = packedWidth(candidates.offset.data(), batch);
  std::vector<float> index(batch * width), value(batch * width), seed;
  packPixels(candidates.offset.data(), candidates.pixel.data(), candidates.value.data(), batch, width, index.data(),
             value.data());
  for (std::size_t i = 0; i < batch; ++i)
    seed.insert(seed.end(), {static_cast<float>(candidates.seedRow[i]), static_cast<float>(candidates.seedColumn[i])});
  return complete(ofPixels(std::move(index), std::move(value), std::move(seed), batch, width), bundle);
}

PackedCandidates packSelfTest(const BundleConfig& bundle) {
  const SelfTest& test = bundle.selfTest;
  return complete(ofPixels(test.pixelIndex, test.pixelValue, test.seed, 1, test.pixelIndex.size()), bundle);
}

}  // namespace e2e
