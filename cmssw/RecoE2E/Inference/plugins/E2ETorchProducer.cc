// Scores and masses by PyTorch: the bundle as TorchScript, which `e2e export BUNDLE --cmssw` writes beside the ONNX file.
#include <memory>
#include <string>

#include "FWCore/Framework/interface/Event.h"
#include "FWCore/Framework/interface/MakerMacros.h"
#include "FWCore/Framework/interface/stream/EDProducer.h"
#include "FWCore/ParameterSet/interface/ConfigurationDescriptions.h"
#include "FWCore/ParameterSet/interface/FileInPath.h"
#include "FWCore/ParameterSet/interface/ParameterSet.h"
#include "FWCore/ParameterSet/interface/ParameterSetDescription.h"
#include "PhysicsTools/PyTorch/interface/Model.h"
#include "RecoE2E/Inference/interface/TaggerIO.h"
#include "RecoE2E/Inference/interface/modelError.h"

/// A copy of the model for each stream: `forward` is not const. Weights are small beside the job.
class E2ETorchProducer : public edm::stream::EDProducer<> {
public:
  explicit E2ETorchProducer(const edm::ParameterSet& config)
      : io_(config, consumesCollector(), producesCollector()), model_(load(config, io_.bundle())) {
    const std::vector<float> answers =
        e2e::orModelError(io_.bundle(), "PyTorch cannot run", [this] { return run(packSelfTest(io_.bundle())); });
    io_.bundle().checkSelfTest(answers);
  }

  static void fillDescriptions(edm::ConfigurationDescriptions& descriptions) {
    edm::ParameterSetDescription description;
    e2e::TaggerIO::fillDescription(description);
    description.add<edm::FileInPath>("torchScript")->setComment("the bundle's model.pt; needs the PyTorchService");
    descriptions.addWithDefaultLabel(description);
  }

  void produce(edm::Event& event, const edm::EventSetup&) override {
    const e2e::SparseCandidates& candidates = io_.candidates(event);
    io_.put(event, candidates.size() == 0 ? std::vector<float>{} : run(pack(candidates, io_.bundle())));
  }

private:
  static cms::torch::Model load(const edm::ParameterSet& config, const e2e::BundleConfig& bundle) {
    const std::string path = config.getParameter<edm::FileInPath>("torchScript").fullPath();
    return e2e::orModelError(bundle, "PyTorch cannot read", [&path] { return cms::torch::Model(path); });
  }

  std::vector<float> run(e2e::PackedCandidates packed) {
    const ::torch::InferenceMode isInference;
    std::vector<::torch::IValue> inputs;
    for (std::size_t i = 0; i < packed.data.size(); ++i)
      inputs.emplace_back(::torch::from_blob(packed.data[i].data(), packed.shapes[i], ::torch::kFloat32));
    const ::torch::Tensor outputs = model_.forward(inputs).toTensor().contiguous();
    return std::vector<float>(outputs.data_ptr<float>(), outputs.data_ptr<float>() + outputs.numel());
  }

  const e2e::TaggerIO io_;
  cms::torch::Model model_;
};

DEFINE_FWK_MODULE(E2ETorchProducer);
