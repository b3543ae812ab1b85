// How different two pictures look.
#pragma once

#include <optional>
#include <string>

namespace stockroom::bench {

// Butteraugli's 3-norm, by Debian's butteraugli_main (package libjxl-devtools): below 1 nobody sees
// a difference when one picture replaces the other. Pictures of one size, as bytes of a JPEG or
// PNG. nullopt if the program is not installed or says nothing.
std::optional<double> PerceivedDistance(const std::string& a, const std::string& b);

}  // namespace stockroom::bench
