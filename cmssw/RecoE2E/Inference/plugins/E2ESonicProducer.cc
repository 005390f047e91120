// Scores and masses by a Triton server (SONIC). What travels is sparse: see src/e2e/serving/wire.py, `e2e serve`.
#include <memory>
#include <string>

#include "FWCore/Framework/interface/Event.h"
#include "FWCore/Framework/interface/MakerMacros.h"
#include "FWCore/ParameterSet/interface/ConfigurationDescriptions.h"
#include "FWCore/ParameterSet/interface/ParameterSet.h"
#include "FWCore/ParameterSet/interface/ParameterSetDescription.h"
#include "FWCore/Utilities/interface/Exception.h"
#include "HeterogeneousCore/SonicTriton/interface/TritonData.h"
#include "HeterogeneousCore/SonicTriton/interface/TritonEDProducer.h"
#include "RecoE2E/Core/interface/pixel_runs.h"
#include "RecoE2E/Inference/interface/TaggerIO.h"

class E2ESonicProducer : public TritonEDProducer<> {
public:
  explicit E2ESonicProducer(const edm::ParameterSet& config)
      : TritonEDProducer<>(config), io_(config, consumesCollector(), producesCollector()) {}

  static void fillDescriptions(edm::ConfigurationDescriptions& descriptions) {
    edm::ParameterSetDescription description;
    e2e::TaggerIO::fillDescription(description);
    TritonClient::fillPSetDescription(description);
    descriptions.addWithDefaultLabel(description);
  }

  /// To the server all candidates of an event are one item of a ragged batch; without any nothing is asked.
  void acquire(const edm::Event& event, const edm::EventSetup&, Input& input) override {
    const e2e::SparseCandidates& candidates = io_.candidates(event);
    if (!client_->setBatchSize(candidates.size() == 0 ? 0 : 1))
      throw cms::Exception("E2ESonic") << "E2E: the server takes no request of bundle " << io_.bundle().name
                                       << "; serve the repository that `e2e serve` writes";
    if (candidates.size() == 0)
      return;
    if (isTested_)
      sendAll(candidates, input);
    else
      sendAll(withSelfTest(candidates), input);
  }

  void produce(edm::Event& event, const edm::EventSetup&, const Output& output) override {
    const std::size_t rows = io_.candidates(event).size(), width = io_.bundle().outputs.size();
    const std::size_t given = rows == 0 || isTested_ ? rows : rows + 1;
    std::vector<float> answers(given * width);
    for (std::size_t column = 0; given > 0 && column < width; ++column) {
      const std::string& name = io_.bundle().outputs[column].name;
      const auto values = output.at(name).fromServer<float>();
      const std::size_t found = values.empty() ? 0 : values[0].size();
      if (found != given)
        throw cms::Exception("E2ESonic") << "E2E: the server gave " << found << " answers " << name << " for " << given
                                         << " candidates";
      for (std::size_t row = 0; row < given; ++row)
        answers[row * width + column] = values[0][row];
    }
    if (given > rows) {
      io_.bundle().checkSelfTest(std::vector<float>(answers.end() - width, answers.end()));
      answers.resize(rows * width);
      isTested_ = true;
    }
    io_.put(event, answers);
  }

private:
  /// A stream's first request asks for the candidate of the self test as well: does this server have our model?
  e2e::SparseCandidates withSelfTest(e2e::SparseCandidates candidates) const {
    const e2e::SelfTest& test = io_.bundle().selfTest;
    candidates.candidate.push_back(candidates.candidate.size());
    candidates.seedRow.push_back(test.seed[0]);
    candidates.seedColumn.push_back(test.seed[1]);
    candidates.pixel.insert(candidates.pixel.end(), test.pixelIndex.begin(), test.pixelIndex.end());
    candidates.value.insert(candidates.value.end(), test.pixelValue.begin(), test.pixelValue.end());
    candidates.offset.push_back(candidates.pixel.size());
    return candidates;
  }

  void sendAll(const e2e::SparseCandidates& sent, Input& input) const {
    const e2e::PixelRuns runs = e2e::findRuns(sent.offset.data(), sent.size(), sent.pixel.data(), sent.value.data());
    if (io_.bundle().frame.window.numPixels() <= 1 << 16)
      send(input.at("run_step"), std::vector<std::uint16_t>(runs.step.begin(), runs.step.end()));  // modulo 2^16
    else
      send(input.at("run_step"), runs.step);
    send(input.at("run_length"), runs.length);
    send(input.at("run_value"), runs.value);
    send(input.at("num_runs"), runs.numRuns);
    std::vector<std::int16_t> seeds;
    for (std::size_t i = 0; i < sent.size(); ++i) {
      seeds.push_back(sent.seedRow[i]);
      seeds.push_back(sent.seedColumn[i]);
    }
    send(input.at("seed"), seeds);
  }

  template <typename Value>
  static void send(TritonInputData& tensor, const std::vector<Value>& values) {
    tensor.setShape(0, values.size());
    auto data = tensor.allocate<Value>();
    (*data)[0].assign(values.begin(), values.end());
    tensor.toServer(data);
  }

  const e2e::TaggerIO io_;
  bool isTested_ = false;
};

DEFINE_FWK_MODULE(E2ESonicProducer);
