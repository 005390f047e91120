#include "framework.h"

namespace imitation {

std::map<std::string, Plugin>& plugins() {
  static std::map<std::string, Plugin> known;
  return known;
}

}  // namespace imitation
