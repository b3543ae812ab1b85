// The folder as it may be found after the power was cut.
#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace stockroom::power {

// Makes `to` (which must not exist) what a power cut may have left of `root`, whose shadow is
// `shadow`: all that was synced, and of the rest what the dice say. Of what was not synced, a name
// may be there or not, a removal may have happened or not, and a file's bytes may be there, cut
// short, zeros, or missing. Ends the process if the file system fails.
void Rebuild(const std::string& root, const std::string& shadow, const std::string& to,
             std::mt19937_64& dice);

// Makes `shadow` (emptied before) say that all of `root` is durable: the beginning of a round.
void AllDurable(const std::string& root, const std::string& shadow);

}  // namespace stockroom::power
