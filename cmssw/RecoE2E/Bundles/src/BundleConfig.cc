#include "RecoE2E/Bundles/interface/BundleConfig.h"

#include <algorithm>
#include <cmath>

#include "FWCore/ParameterSet/interface/FileInPath.h"
#include "FWCore/Utilities/interface/Exception.h"

namespace e2e {

namespace {

std::vector<float> floats(const edm::ParameterSet& config, const char* name) {
  const auto values = config.getParameter<std::vector<double>>(name);
  return std::vector<float>(values.begin(), values.end());
}

void refuseNewer(const std::string& bundle, const char* what, unsigned version, unsigned newest) {
  if (version > newest)
    throw cms::Exception("Configuration") << "E2E: bundle " << bundle << " has " << what << " " << version
                                          << ", these plugins read up to " << newest << "; take newer RecoE2E packages";
}

GraphSpec graphOf(const std::string& bundle, const edm::ParameterSet& config) {
  const int neighbours = config.getParameter<int>("neighbours"), radius = config.getParameter<int>("radius");
  const int reach = config.getParameter<int>("reach");
  if (neighbours < 0 || neighbours > static_cast<int>(NearestNodes::kMostNeighbours) || radius < 0 || reach < 0)
    throw cms::Exception("Configuration") << "E2E: a graph of " << neighbours << " neighbours within " << radius
                                          << " pixels, reach " << reach
                                          << "; take the one that `e2e export BUNDLE --cmssw` wrote for "
                                          << bundle;
  return {static_cast<std::size_t>(neighbours), std::int64_t{radius} * radius, reach};
}

}  // namespace

BundleConfig::BundleConfig(const edm::ParameterSet& config)
    : name(config.getParameter<std::string>("name")),
      frame(config.getParameter<edm::ParameterSet>("frame")),
      graph(graphOf(name, config.getParameter<edm::ParameterSet>("graph"))) {
  refuseNewer(name, "bundle version", config.getParameter<unsigned>("bundleVersion"), kBundleVersion);
  refuseNewer(name, "contract version", config.getParameter<unsigned>("contractVersion"), kGraphContractVersion);
  for (const auto& output : config.getParameter<std::vector<edm::ParameterSet>>("outputs"))
    outputs.push_back({output.getParameter<std::string>("name"), output.getParameter<std::string>("instance"),
                       output.getParameter<std::string>("kind"), output.getParameter<std::string>("unit"),
                       output.getParameter<std::string>("meaning")});
  const auto& test = config.getParameter<edm::ParameterSet>("selfTest");
  selfTest = {floats(test, "pixelIndex"), floats(test, "pixelValue"), floats(test, "seed"),
              floats(test, "outputs"),    floats(test, "scale"),      test.getParameter<std::vector<int>>("answer"),
              test.getParameter<double>("tolerance")};
  if (outputs.empty() || selfTest.outputs.size() != outputs.size() || selfTest.scale.size() != outputs.size() ||
      selfTest.answer.size() != outputs.size() ||
      selfTest.pixelIndex.empty() || selfTest.pixelIndex.size() != selfTest.pixelValue.size() ||
      selfTest.seed.size() != 2)
    throw cms::Exception("Configuration") << "E2E: the configuration of bundle " << name
                                          << " contradicts itself; write it again by `e2e export BUNDLE --cmssw`";
}

void BundleConfig::checkSelfTest(const std::vector<float>& given) const {
  if (given.size() != outputs.size())
    throw cms::Exception("E2EModel") << "E2E: the model of bundle " << name << " gives " << given.size()
                                     << " outputs, the configuration says " << outputs.size()
                                     << "; export model and configuration together";
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (outputs[i].kind == "flag")
      continue;  // follows from the numbers beside it, and may turn where they round
    // an estimate known to 1000 GeV need not agree to a MeV
    float size = selfTest.scale[i];
    for (std::size_t other = 0; other < given.size(); ++other)
      if (selfTest.answer[other] == selfTest.answer[i])
        size = std::max(size, std::abs(selfTest.outputs[other]));
    if (!(std::abs(given[i] - selfTest.outputs[i]) <= selfTest.tolerance * size))  // true for NaN
      throw cms::Exception("E2EModel") << "E2E: the model of bundle " << name << " answers " << outputs[i].name << " "
                                       << given[i] << " in its self test, not " << selfTest.outputs[i]
                                       << "; it is another model (export it and its configuration together), or one "
                                          "that computes with less than single precision, such as TF32";
  }
}

void BundleConfig::fillDescription(edm::ParameterSetDescription& description) {
  edm::ParameterSetDescription bundle;
  bundle.add<std::string>("name")->setComment("of the bundle's folder");
  bundle.add<unsigned>("bundleVersion", kBundleVersion);
  bundle.add<unsigned>("contractVersion", kContractVersion);
  bundle.add<edm::FileInPath>("model")->setComment("ONNX");
  FrameConfig::fillDescription(bundle);
  edm::ParameterSetDescription graph;
  graph.add<int>("neighbours", 0)->setComment("of each node of a graph network; 0: the network is none");
  graph.add<int>("radius", 0)->setComment("pixels, beyond which nobody is a neighbour");
  graph.add<int>("reach", 0)->setComment("pixels from the seed, beyond which nobody is a node; 0: no limit");
  bundle.add<edm::ParameterSetDescription>("graph", graph);

  edm::ParameterSetDescription output;
  output.add<std::string>("name");
  output.add<std::string>("instance")->setComment("of its product: the name without underscores");
  output.add<std::string>("kind")->setComment("probability, quantity, or flag: 0 or 1");
  output.add<std::string>("unit", "1");
  output.add<std::string>("meaning", "");
  output.add<std::vector<double>>("trainedRange", {})->setComment("in the unit; empty: everywhere");
  bundle.addVPSet("outputs", output, {});

  edm::ParameterSetDescription test;
  for (const char* name : {"pixelIndex", "pixelValue", "seed", "outputs", "scale"})
    test.add<std::vector<double>>(name);
  test.add<std::vector<int>>("answer");
  test.add<double>("tolerance", 1e-5)->setComment("of the answer's size");
  bundle.add<edm::ParameterSetDescription>("selfTest", test);
  description.add<edm::ParameterSetDescription>("bundle", bundle);
}

}  // namespace e2e
