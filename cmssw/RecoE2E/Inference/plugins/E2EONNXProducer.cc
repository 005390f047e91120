// Scores and masses by ONNX Runtime: one session for the job, all candidates of an event in one batch.
#include <memory>
#include <string>

#include "FWCore/Framework/interface/Event.h"
#include "FWCore/Framework/interface/MakerMacros.h"
#include "FWCore/Framework/interface/stream/EDProducer.h"
#include "FWCore/ParameterSet/interface/ConfigurationDescriptions.h"
#include "FWCore/ParameterSet/interface/FileInPath.h"
#include "FWCore/ParameterSet/interface/ParameterSet.h"
#include "FWCore/ParameterSet/interface/ParameterSetDescription.h"
#include "PhysicsTools/ONNXRuntime/interface/ONNXRuntime.h"
#include "RecoE2E/Inference/interface/TaggerIO.h"
#include "RecoE2E/Inference/interface/modelError.h"

class E2EONNXProducer : public edm::stream::EDProducer<edm::GlobalCache<cms::Ort::ONNXRuntime>> {
public:
  E2EONNXProducer(const edm::ParameterSet& config, const cms::Ort::ONNXRuntime*)
      : io_(config, consumesCollector(), producesCollector()) {}

  static std::unique_ptr<cms::Ort::ONNXRuntime> initializeGlobalCache(const edm::ParameterSet& config) {
    const e2e::BundleConfig bundle(config.getParameter<edm::ParameterSet>("bundle"));
    const auto model = config.getParameter<edm::ParameterSet>("bundle").getParameter<edm::FileInPath>("model");
    auto options = cms::Ort::ONNXRuntime::defaultSessionOptions(
        config.getParameter<bool>("useCUDA") ? cms::Ort::Backend::cuda : cms::Ort::Backend::cpu);
    // every event has another shape: a plan of its memory is of no use again, and an arena would keep the largest event's
    // for each that runs beside it
    options.DisableMemPattern();
    options.DisableCpuMemArena();
    constexpr const char* kFailure = "ONNX Runtime cannot run";
    auto session = e2e::orModelError(
        bundle, kFailure, [&] { return std::make_unique<cms::Ort::ONNXRuntime>(model.fullPath(), &options); });
    bundle.checkSelfTest(e2e::orModelError(bundle, kFailure, [&] { return run(*session, packSelfTest(bundle)); }));
    return session;
  }

  static void globalEndJob(const cms::Ort::ONNXRuntime*) {}

  static void fillDescriptions(edm::ConfigurationDescriptions& descriptions) {
    edm::ParameterSetDescription description;
    e2e::TaggerIO::fillDescription(description);
    description.add<bool>("useCUDA", false)->setComment("a GPU of this machine; it must be there");
    descriptions.addWithDefaultLabel(description);
  }

  void produce(edm::Event& event, const edm::EventSetup&) override {
    const e2e::SparseCandidates& candidates = io_.candidates(event);
    io_.put(event, candidates.size() == 0 ? std::vector<float>{} : run(*globalCache(), pack(candidates, io_.bundle())));
  }

private:
  static std::vector<float> run(const cms::Ort::ONNXRuntime& session, e2e::PackedCandidates packed) {
    return session.run(packed.names, packed.data, packed.shapes, e2e::kOutputNames, packed.batch).front();
  }

  const e2e::TaggerIO io_;
};

DEFINE_FWK_MODULE(E2EONNXProducer);
