#ifndef imitation_triton_h
#define imitation_triton_h
// An imitation of SONIC's producer and client that asks a real Triton server by HTTP; its address is in the environment,
// `E2E_TEST_TRITON`, as HOST:PORT.
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "framework.h"

/// A tensor on its way to the server.
class TritonInputData {
public:
  void setShape(unsigned, std::int64_t length) { length_ = length; }

  template <typename T>
  std::shared_ptr<std::vector<std::vector<T>>> allocate() {
    return std::make_shared<std::vector<std::vector<T>>>(1);
  }
  template <typename T>
  void toServer(const std::shared_ptr<std::vector<std::vector<T>>>& data) {
    type_ = std::is_same_v<T, float> ? "FP32" : (std::is_signed_v<T> ? "INT" : "UINT") + std::to_string(8 * sizeof(T));
    const auto* bytes = reinterpret_cast<const char*>((*data)[0].data());
    bytes_.assign(bytes, bytes + (*data)[0].size() * sizeof(T));
  }

  std::int64_t length() const { return length_; }
  const std::string& type() const { return type_; }
  const std::string& bytes() const { return bytes_; }

private:
  std::int64_t length_ = 0;
  std::string type_, bytes_;
};

class TritonOutputData {
public:
  explicit TritonOutputData(std::string bytes) : bytes_(std::move(bytes)) {}
  template <typename T>
  std::vector<std::span<const T>> fromServer() const {
    return {{reinterpret_cast<const T*>(bytes_.data()), bytes_.size() / sizeof(T)}};
  }

private:
  std::string bytes_;
};

/// Asked for by any name: the server knows which there are.
class TritonInputMap {
public:
  TritonInputData& at(const std::string& name) { return tensors_[name]; }
  const std::map<std::string, TritonInputData>& tensors() const { return tensors_; }
  void clear() { tensors_.clear(); }

private:
  std::map<std::string, TritonInputData> tensors_;
};
using TritonOutputMap = std::map<std::string, TritonOutputData>;

class TritonClient {
public:
  explicit TritonClient(const edm::ParameterSet& config)
      : model_(config.getParameter<std::string>("modelName")), tries_(config.getParameter<unsigned>("allowedTries")) {}

  bool setBatchSize(unsigned size) {
    batchSize_ = size;
    return true;
  }
  unsigned batchSize() const { return batchSize_; }

  /// Throws cms::Exception("TritonFailure") once it was tried as often as is allowed.
  TritonOutputMap ask(const TritonInputMap& inputs) const;

  static void fillPSetDescription(edm::ParameterSetDescription& description);

private:
  const std::string model_;
  const unsigned tries_;
  unsigned batchSize_ = 0;
};

template <typename... Capabilities>
class TritonEDProducer : public edm::ModuleBase {
public:
  using Cache = void;
  using Input = TritonInputMap;
  using Output = TritonOutputMap;

  explicit TritonEDProducer(const edm::ParameterSet& config)
      : client_(std::make_unique<TritonClient>(config.getParameter<edm::ParameterSet>("Client"))) {}

  virtual void acquire(const edm::Event& event, const edm::EventSetup& setup, Input& input) = 0;
  virtual void produce(edm::Event& event, const edm::EventSetup& setup, const Output& output) = 0;

  void runOn(edm::Event& event, const edm::EventSetup& setup) {
    Input input;
    acquire(event, setup, input);
    produce(event, setup, client_->batchSize() == 0 ? Output{} : client_->ask(input));
  }

protected:
  std::unique_ptr<TritonClient> client_;
};

#endif
