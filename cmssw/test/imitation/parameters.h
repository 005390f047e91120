#ifndef imitation_parameters_h
#define imitation_parameters_h
// An imitation of the framework's configuration: exceptions, parameter sets and their descriptions, files. Only what the
// plugins call; a wrong type or an unknown parameter is refused, as the framework does.
#include <cstdint>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace cms {

class Exception : public std::exception {
public:
  explicit Exception(std::string category) : category_(std::move(category)) {}
  Exception(std::string category, const std::string& message) : category_(std::move(category)) { *this << message; }

  template <typename T>
  Exception& operator<<(const T& part) {
    std::ostringstream text;
    text << part;
    message_ += text.str();
    return *this;
  }

  const std::string& category() const { return category_; }
  const char* what() const noexcept override { return message_.c_str(); }

private:
  std::string category_, message_;
};

}  // namespace cms

namespace edm {

class InputTag {
public:
  InputTag() = default;
  explicit InputTag(std::string label, std::string instance = "")
      : label_(std::move(label)), instance_(std::move(instance)) {
    if (const auto colon = label_.find(':'); colon != std::string::npos) {
      instance_ = label_.substr(colon + 1);
      label_.resize(colon);
    }
  }
  std::string encode() const { return label_ + ":" + instance_; }

private:
  std::string label_, instance_;
};

/// Looks for the file in the folders that the environment names, as the framework does in an area.
class FileInPath {
public:
  FileInPath() = default;
  explicit FileInPath(const std::string& path);
  const std::string& fullPath() const { return full_; }

private:
  std::string full_;
};

class ParameterSet {
public:
  using Set = std::shared_ptr<const ParameterSet>;
  using Value = std::variant<bool, int, unsigned, double, std::string, InputTag, FileInPath, std::vector<int>,
                             std::vector<double>, std::vector<std::string>, std::vector<InputTag>, Set,
                             std::vector<ParameterSet>>;

  void set(const std::string& name, Value value) { values_[name] = std::move(value); }
  bool has(const std::string& name) const { return values_.count(name) > 0; }
  const std::map<std::string, Value>& values() const { return values_; }

  template <typename T>
  T getParameter(const std::string& name) const {
    const auto found = values_.find(name);
    if (found == values_.end())
      throw cms::Exception("Configuration") << "MissingParameter: '" << name << "' is not given";
    if constexpr (std::is_same_v<T, ParameterSet>) {
      return *as<Set>(name, found->second);
    } else {
      return as<T>(name, found->second);
    }
  }

private:
  template <typename T>
  static const T& as(const std::string& name, const Value& value) {
    if (const T* typed = std::get_if<T>(&value))
      return *typed;
    throw cms::Exception("Configuration") << "parameter '" << name << "' has another type";
  }

  std::map<std::string, Value> values_;
};

/// What `add` gives back, for the comment.
struct ParameterDescription {
  void setComment(const char*) {}
};

class ParameterSetDescription {
public:
  template <typename T>
  ParameterDescription* add(const std::string& name, T value) {
    if constexpr (std::is_same_v<T, ParameterSetDescription>) {
      sets_[name] = std::make_shared<ParameterSetDescription>(std::move(value));
    } else {
      const auto whole = std::make_shared<const ParameterSet::Value>(std::in_place_type<T>, std::move(value));
      entries_[name] = Entry{whole->index(), whole};
    }
    return &description_;
  }

  template <typename T>
  ParameterDescription* add(const std::string& name) {
    entries_[name] = Entry{ParameterSet::Value(std::in_place_type<T>).index(), nullptr};
    return &description_;
  }

  ParameterDescription* addVPSet(const std::string& name, const ParameterSetDescription& each,
                                 const std::vector<ParameterSet>& defaults) {
    lists_[name] = {std::make_shared<ParameterSetDescription>(each), defaults};
    return &description_;
  }

  /// Fill in what has a default. Throws cms::Exception("Configuration") for what is missing, of another type, or unknown.
  ParameterSet validated(const ParameterSet& given, const std::string& where) const;

private:
  struct Entry {
    std::size_t type;  // index in ParameterSet::Value
    std::shared_ptr<const ParameterSet::Value> value;  // the default; none: it must be given
  };
  struct List {
    std::shared_ptr<ParameterSetDescription> each;
    std::vector<ParameterSet> defaults;
  };

  std::map<std::string, Entry> entries_;
  std::map<std::string, std::shared_ptr<ParameterSetDescription>> sets_;
  std::map<std::string, List> lists_;
  ParameterDescription description_;
};

class ConfigurationDescriptions {
public:
  void addWithDefaultLabel(const ParameterSetDescription& description) { description_ = description; }
  const ParameterSetDescription& description() const { return description_; }

private:
  ParameterSetDescription description_;
};

}  // namespace edm

#endif
