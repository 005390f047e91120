#include "parameters.h"

#include <cstdlib>
#include <filesystem>

namespace edm {

FileInPath::FileInPath(const std::string& path) {
  const char* folders = std::getenv("CMSSW_SEARCH_PATH");
  std::istringstream each(folders == nullptr ? "" : folders);
  for (std::string folder; std::getline(each, folder, ':');) {
    full_ = folder + "/" + path;
    if (std::filesystem::is_regular_file(full_))
      return;
  }
  throw cms::Exception("FileInPathError") << "unable to find file " << path << " anywhere in the search path";
}

ParameterSet ParameterSetDescription::validated(const ParameterSet& given, const std::string& where) const {
  ParameterSet whole;
  for (const auto& [name, value] : given.values()) {
    if (entries_.count(name) + sets_.count(name) + lists_.count(name) == 0)
      throw cms::Exception("Configuration") << "Illegal parameter found in configuration of " << where << ": " << name;
    whole.set(name, value);
  }
  for (const auto& [name, entry] : entries_) {
    if (!given.has(name)) {
      if (!entry.value)
        throw cms::Exception("Configuration") << "MissingParameter: '" << name << "' of " << where << " is not given";
      whole.set(name, *entry.value);
    } else if (given.values().at(name).index() != entry.type) {
      throw cms::Exception("Configuration") << "parameter '" << name << "' of " << where << " has another type";
    }
  }
  for (const auto& [name, description] : sets_) {
    const ParameterSet inner = given.has(name) ? given.getParameter<ParameterSet>(name) : ParameterSet();
    whole.set(name, std::make_shared<const ParameterSet>(description->validated(inner, where + "." + name)));
  }
  for (const auto& [name, list] : lists_) {
    const auto parts =
        given.has(name) ? given.getParameter<std::vector<ParameterSet>>(name) : list.defaults;
    std::vector<ParameterSet> checked;
    for (const ParameterSet& part : parts)
      checked.push_back(list.each->validated(part, where + "." + name));
    whole.set(name, checked);
  }
  return whole;
}

}  // namespace edm
