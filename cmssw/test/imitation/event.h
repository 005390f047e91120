#ifndef imitation_event_h
#define imitation_event_h
// An imitation of the event and of what is found in it by tokens. Products go by type and "label:instance"; a missing one
// is an error, as in the framework.
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

}  // namespace edm

#endif
