// What a decoder might try once a picture has taken it over.
#pragma once

#include <map>
#include <string>

namespace stockroom::imageproc::testing {

// Each does one thing and says what came of it: "done", or the error's name ("EACCES"), or what its
// comment says. Most should never get so far.
using Deed = std::string (*)();
const std::map<std::string, Deed>& Deeds();

}  // namespace stockroom::imageproc::testing
