#ifndef imitation_framework_h
#define imitation_framework_h
// An imitation of the framework itself: modules of streams and of the whole job. Only what the plugins call, with the
// framework's own rules where they matter: a cache for all streams, an instance for each, names without underscores.
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <vector>

#include "event.h"
#include "parameters.h"

#define CMS_SA_ALLOW

namespace edm {

class ConsumesCollector {
public:
  template <typename T>
  EDGetTokenT<T> consumes(const InputTag& tag) {
    return {tag.encode()};
  }
  template <typename T, typename Record>
  ESGetToken<T, Record> esConsumes() {
    return {};
  }
};

class ProducesCollector {
public:
  template <typename T>
  EDPutTokenT<T> produces(const std::string& instance = "") {
    if (instance.find('_') != std::string::npos)
      throw cms::Exception("IllegalCharacter") << "Product instance name '" << instance << "' contains an underscore";
    return {instance};
  }
};

/// What every kind of module has.
class ModuleBase : public ConsumesCollector, public ProducesCollector {
public:
  ModuleBase() = default;
  ModuleBase(const ModuleBase&) = delete;
  ModuleBase& operator=(const ModuleBase&) = delete;
  virtual ~ModuleBase() = default;

protected:
  ConsumesCollector consumesCollector() { return {}; }
  ProducesCollector producesCollector() { return {}; }
};

template <typename T>
struct GlobalCache {};

/// Objects that are made on demand and used again.
template <typename T>
class ReusableObjectHolder {
public:
  template <typename Make>
  std::shared_ptr<T> makeOrGet(Make&& make) {
    const auto giveBack = [this](T* object) {
      const std::lock_guard lock(mutex_);
      free_.emplace_back(object);
    };
    const std::lock_guard lock(mutex_);
    if (free_.empty())
      free_.push_back(make());
    std::shared_ptr<T> object(free_.back().release(), giveBack);
    free_.pop_back();
    return object;
  }

private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<T>> free_;
};

namespace stream {

template <typename... Capabilities>
class EDProducer : public ModuleBase {
public:
  using Cache = void;
  virtual void produce(Event& event, const EventSetup& setup) = 0;
  void runOn(Event& event, const EventSetup& setup) { produce(event, setup); }
};

template <typename T>
class EDProducer<GlobalCache<T>> : public ModuleBase {
public:
  using Cache = T;
  virtual void produce(Event& event, const EventSetup& setup) = 0;
  void runOn(Event& event, const EventSetup& setup) { produce(event, setup); }
  void setCache(const T* cache) { cache_ = cache; }

protected:
  const T* globalCache() const { return cache_; }

private:
  const T* cache_ = nullptr;
};

}  // namespace stream

namespace global {

template <typename... Capabilities>
class EDFilter : public ModuleBase {
public:
  virtual bool filter(StreamID stream, Event& event, const EventSetup& setup) const = 0;
};

}  // namespace global

}  // namespace edm

namespace imitation {

/// An instance of a module: of a stream, or of the job.
using Run = std::function<bool(edm::Event&, const edm::EventSetup&)>;

/// Everything of one configured module that its streams share.
class Module {
public:
  virtual ~Module() = default;
  virtual Run makeStream() = 0;
};

struct Plugin {
  std::function<edm::ParameterSetDescription()> describe;
  std::function<std::unique_ptr<Module>(const edm::ParameterSet&)> make;
};

std::map<std::string, Plugin>& plugins();

template <typename T>
class StreamModule : public Module {
public:
  explicit StreamModule(const edm::ParameterSet& config) : config_(config) {
    if constexpr (kHasCache)
      cache_ = T::initializeGlobalCache(config);
  }
  ~StreamModule() override {
    if constexpr (kHasCache)
      T::globalEndJob(cache_.get());
  }

  Run makeStream() override {
    std::shared_ptr<T> instance;
    if constexpr (kHasCache) {
      instance = std::make_shared<T>(config_, cache_.get());
      instance->setCache(cache_.get());
    } else {
      instance = std::make_shared<T>(config_);
    }
    return [instance](edm::Event& event, const edm::EventSetup& setup) {
      instance->runOn(event, setup);
      return true;
    };
  }

private:
  static constexpr bool kHasCache = !std::is_void_v<typename T::Cache>;
  edm::ParameterSet config_;
  std::unique_ptr<std::conditional_t<kHasCache, typename T::Cache, int>> cache_;
};

template <typename T>
class GlobalFilter : public Module {
public:
  explicit GlobalFilter(const edm::ParameterSet& config) : instance_(std::make_shared<T>(config)) {}
  Run makeStream() override {
    return [instance = instance_](edm::Event& event, const edm::EventSetup& setup) {
      return instance->filter(edm::StreamID(), event, setup);
    };
  }

private:
  std::shared_ptr<T> instance_;
};

template <typename T>
bool registerPlugin(const char* name) {
  plugins()[name] = {[] {
                       edm::ConfigurationDescriptions descriptions;
                       T::fillDescriptions(descriptions);
                       return descriptions.description();
                     },
                     [](const edm::ParameterSet& config) -> std::unique_ptr<Module> {
                       if constexpr (requires { typename T::Cache; })
                         return std::make_unique<StreamModule<T>>(config);
                       else
                         return std::make_unique<GlobalFilter<T>>(config);
                     }};
  return true;
}

}  // namespace imitation

#define DEFINE_FWK_MODULE(type) static const bool isRegistered##type = imitation::registerPlugin<type>(#type)

#endif
