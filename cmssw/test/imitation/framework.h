#ifndef imitation_framework_h
#define imitation_framework_h
// An imitation of the framework itself: events, tokens, modules of streams and of the whole job. Only what the plugins
// call, with the framework's own rules where they matter: products by type and label, a missing one is an error, a cache
// for all streams, an instance for each.
#include <any>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <typeindex>
#include <utility>
#include <vector>

#include "data_formats.h"
#include "parameters.h"

namespace edm {

class StreamID {};

class ProductID {
public:
  explicit ProductID(const std::string& tag) : hash_(std::hash<std::string>()(tag)) {}
  std::uint16_t processIndex() const { return 1; }
  std::uint16_t productIndex() const { return hash_ & 0xffff; }
  bool operator<(const ProductID& other) const { return hash_ < other.hash_; }

private:
  std::size_t hash_;
};

template <typename T>
struct EDGetTokenT {
  std::string tag;
  bool isUninitialized() const { return tag.empty(); }
};
template <typename T>
struct EDPutTokenT {
  std::string instance;
};
template <typename T, typename Record>
struct ESGetToken {};

template <typename T>
struct RefToBase {
  ProductID product;
  std::size_t index;
  ProductID id() const { return product; }
  std::size_t key() const { return index; }
};

/// A collection of candidates, whatever their type.
template <typename T>
class View {
public:
  View(std::vector<T> elements, ProductID id) : elements_(std::move(elements)), id_(id) {}
  const T& operator[](std::size_t i) const { return elements_[i]; }
  std::size_t size() const { return elements_.size(); }
  bool empty() const { return elements_.empty(); }
  RefToBase<T> refAt(std::size_t i) const { return {id_, i}; }
  ProductID id() const { return id_; }

private:
  std::vector<T> elements_;
  ProductID id_;
};

template <typename T>
class Handle {
public:
  Handle(const T* product, ProductID id) : product_(product), id_(id) {}
  const T& operator*() const { return *product_; }
  const T* operator->() const { return product_; }
  ProductID id() const { return id_; }

private:
  const T* product_;
  ProductID id_;
};

template <typename T>
class ValueMap {
public:
  class Filler {
  public:
    explicit Filler(ValueMap& map) : map_(map) {}
    template <typename H, typename It>
    void insert(const H& handle, It begin, It end) {
      if (static_cast<std::size_t>(end - begin) != handle->size())
        throw cms::Exception("InvalidInput") << "values of another number than the collection's";
      pending_[handle.id()] = std::vector<T>(begin, end);
    }
    void fill() { map_.values_ = pending_; }

  private:
    ValueMap& map_;
    std::map<ProductID, std::vector<T>> pending_;
  };

  template <typename Ref>
  const T& operator[](const Ref& ref) const {
    return values_.at(ref.id()).at(ref.key());
  }
  const std::map<ProductID, std::vector<T>>& values() const { return values_; }

private:
  std::map<ProductID, std::vector<T>> values_;
};

/// Products by type and "label:instance".
class Event {
public:
  template <typename T>
  const T& get(const EDGetTokenT<T>& token) const {
    return *find<T>(token.tag);
  }
  template <typename T>
  Handle<T> getHandle(const EDGetTokenT<T>& token) const {
    return {find<T>(token.tag), ProductID(token.tag)};
  }
  template <typename T>
  void put(std::unique_ptr<T> product, const std::string& instance = "") {
    store(module_ + ":" + instance, std::shared_ptr<T>(std::move(product)));
  }
  template <typename T>
  void put(const EDPutTokenT<T>& token, std::unique_ptr<T> product) {
    put(std::move(product), token.instance);
  }
  template <typename T>
  void emplace(const EDPutTokenT<T>& token, T product) {
    put(std::make_unique<T>(std::move(product)), token.instance);
  }

  /// Of the harness: what a source puts in, which module is running, and all that is there.
  template <typename T>
  void store(const std::string& tag, std::shared_ptr<T> product) {
    products_[{std::type_index(typeid(T)), tag}] = std::shared_ptr<const T>(std::move(product));
  }
  void setModule(const std::string& label) { module_ = label; }
  template <typename T>
  std::map<std::string, const T*> all() const {
    std::map<std::string, const T*> found;
    for (const auto& [key, product] : products_)
      if (key.first == std::type_index(typeid(T)))
        found[key.second] = std::any_cast<const std::shared_ptr<const T>&>(product).get();
    return found;
  }

private:
  template <typename T>
  const T* find(const std::string& tag) const {
    const auto found = products_.find({std::type_index(typeid(T)), tag});
    if (found == products_.end())
      throw cms::Exception("ProductNotFound") << "no product " << tag << " of the type that " << module_ << " asks for";
    return std::any_cast<const std::shared_ptr<const T>&>(found->second).get();
  }

  std::map<std::pair<std::type_index, std::string>, std::any> products_;
  std::string module_;
};

class EventSetup {
public:
  template <typename T, typename Record>
  const T& getData(const ESGetToken<T, Record>&) const {
    static const T kData;
    return kData;
  }
};

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
